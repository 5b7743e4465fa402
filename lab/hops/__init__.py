"""Reverse proxies that are ready to stand between server and path: programs of their own, for `[proxy] command`."""
