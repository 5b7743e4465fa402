"""A neighbour that keeps the disk busy: it writes and syncs, over and over the same 64 MiB, for so many seconds at most.

Its file has no name, so nothing is left of it whatever ends it; and it ends with the program that started it. Arguments:
seconds, that program's id, and a directory on the disk.
"""

import os
import sys
import tempfile

from tests.benchmarks.peers.work import while_wanted

# As `dd bs=1M conv=fsync` does.
_BLOCK = os.urandom(1 << 20)
_BLOCKS = 64


def main() -> None:
    """Write."""
    with tempfile.TemporaryFile(dir=sys.argv[3], buffering=0) as file:
        for number in while_wanted(float(sys.argv[1]), int(sys.argv[2])):
            os.pwrite(file.fileno(), _BLOCK, number % _BLOCKS * len(_BLOCK))
            os.fsync(file.fileno())


if __name__ == "__main__":
    main()
