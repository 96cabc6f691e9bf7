"""The tunnel: the part of the edge in a cluster that carries WebSockets.

NGINX passes on what asks for a WebSocket once the control plane let it through, with the workspace's address in headers
of its own. NGINX alone could carry them, too, but it can't see input in them, and can't end those of a session that was
revoked. So a small process beside it splices them, reports to the control plane every few seconds, and ends what it is
told to. It keeps what it carries while the control plane is away.
"""
