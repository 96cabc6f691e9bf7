"""A package, not only a folder, so that fixtures of its scope end with its last test: its cluster costs CPU."""
