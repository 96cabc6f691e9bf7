"""Process 1 of a workspace's container.

It makes the workspace's files from their source when there are none yet, starts the editor, ends everything when the
container shall stop, and tells the control plane what the processes do. There is one in each workspace, so it is small:
what is heavy runs before, in a process of its own (:mod:`.prepare`), and modules are imported where they are needed.
"""
