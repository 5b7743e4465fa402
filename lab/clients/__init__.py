"""Clients that record when every read returned and every chunk was complete. Whatever they are, they end in one record."""
