"""What happened: the tables and the index of a run, and nothing that interprets them."""

from lab.trace.store import open_run as open_run
