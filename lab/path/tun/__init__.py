"""The path as one process between two TUN devices, each in a namespace of its own: the lab's default emulator."""
