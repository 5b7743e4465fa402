"""A neighbour that wants a whole core: it computes, at normal priority, for so many seconds at most.

It ends with the program that started it, whatever ends that. Arguments: seconds, and that program's id.
"""

import sys

from tests.benchmarks.peers.work import while_wanted


def main() -> None:
    """Burn."""
    for _ in while_wanted(float(sys.argv[1]), int(sys.argv[2])):
        sum(range(100_000))


if __name__ == "__main__":
    main()
