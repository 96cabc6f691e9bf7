"""The server: its parts put together, run, and started in the background."""
