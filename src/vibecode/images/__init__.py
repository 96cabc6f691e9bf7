"""The platform's container images: what each is made from, building them with Docker, loading them into kind.

An image's tag is ``<version>-<12 hex digits>`` of everything it is made from, so that a changed image is a changed tag,
and what is there already needs neither building nor loading. :mod:`.catalog` knows the images, :mod:`.context` makes
what Docker is given, :mod:`.build` builds, :mod:`.nodes` knows a cluster's nodes, :mod:`.load` brings images to
them.
"""
