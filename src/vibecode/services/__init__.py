"""Use cases, over the domain's rules and the ports of runtime and database."""
