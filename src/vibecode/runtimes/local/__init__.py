"""Workspaces as supervised processes of this machine."""
