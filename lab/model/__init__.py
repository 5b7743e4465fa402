"""What an experiment is: scenario, axes, cells and the specifications of server, workload, path and client.

Plain frozen data that knows nobody: no sockets, no clock, no files. Everything else in the lab is told what to do by it.
"""
