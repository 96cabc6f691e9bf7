"""The API and the pages, over the use cases."""
