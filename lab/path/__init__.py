"""A network that really is there: what applies a path's emulation, what this machine can apply, and which to take."""
