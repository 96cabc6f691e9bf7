"""The operator of a Kubernetes cluster's workspaces, as a process: ``python -m vibecode.operator``."""
