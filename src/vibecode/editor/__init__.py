"""The editor: installing code-server, and how it is started.

The parts: :mod:`.store` knows the installed versions, :mod:`.installer` makes one, :mod:`.additions` keeps what
VibeCode adds to it up to date, :mod:`.launch` has the command line and environment of a workspace's editor,
:mod:`.home` prepares its home and :mod:`.gallery` installs extensions into it.

Nothing is imported here: the first process of a container starts editors, and has no use for the rest.
"""
