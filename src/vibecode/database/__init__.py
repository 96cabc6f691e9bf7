"""Durable state in SQLite: accounts, sessions, workspaces of the local runtime."""
