"""The API's JSON, in camelCase. The OpenAPI document and the dashboard's types are made from these models."""
