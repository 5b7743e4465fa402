"""A run as one page for people: everything in a single file that can be mailed and opened anywhere."""
