"""The embedded edge: HTTP and WebSocket between browsers and workspaces.

A :class:`~vibecode.proxy.edge.EmbeddedEdge` listens. Each connection it accepts is a ``ClientConnection``, whose
``Inbox`` takes requests apart; each request is an ``Exchange``, which asks the router and finds an
``UpstreamConnection`` from the pool or a new one. A WebSocket leaves all of this behind after its handshake: two
``TunnelEnd`` objects write what they receive to each other's transport.
"""
