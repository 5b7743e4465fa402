"""The Trio SSE server with switchable buffering: h11 at the edge, one pacer for all, every socket option explicit."""
