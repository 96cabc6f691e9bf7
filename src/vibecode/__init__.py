"""VibeCode: VS Code in the browser for a team, on a machine or a cluster that it owns."""

__version__ = "0.1.0"
