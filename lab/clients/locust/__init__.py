"""Locust users that see every chunk of a stream. Locust monkey-patches on import: it lives in a process of its own."""
