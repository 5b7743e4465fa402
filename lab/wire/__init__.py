"""Bytes in, bytes out: what a letter looks like on the wire, without ever touching one.

Everything here is a pure function or a small machine that is given bytes and, where time matters, `now`. It opens no
socket, reads no clock and waits for nothing. Server and clients share it, so a difference between two of them is theirs.
"""
