"""What runs workspaces: processes of this machine, or a Kubernetes cluster."""
