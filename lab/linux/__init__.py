"""The kernel's doors: processes, socket options, timers, stamps and namespaces, each translated once into Python.

Everything in the lab that only Linux has stands here or in `lab.path`, so that the rest imports and runs elsewhere.
"""
