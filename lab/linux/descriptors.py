"""How many files a process may have open: as many as it is allowed, because a stream is a file at both of its ends.

The rule: the soft limit is a default of 1,024 that shells inherit from the days of `select` (getrlimit(2)); the hard limit
is what the machine's owner decided, and is never touched.
"""

import resource

# What 10,000 streams need at one end, with room for what a process has open beside them.
_ENOUGH = 16_384


def allow_many_files() -> None:
    """Raise this process's soft limit, and so that of its children, as far as its hard limit allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _ENOUGH if hard == resource.RLIM_INFINITY else min(_ENOUGH, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
