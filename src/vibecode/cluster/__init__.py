"""A Kubernetes cluster on this machine: kind makes it, Helm installs the platform in it.

Everything here can be repeated. What was done is looked up in Docker, the cluster and Helm; the state file only keeps
what they can't tell: that a cluster is ours, and whether making it was finished.
"""
