"""The network emulator as queues: packets and `now` go in, the same packets come out later or are dropped with a reason."""
