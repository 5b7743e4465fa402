"""Servers that are measured: each does the same work, which `work` defines, and each is a program of its own."""
