"""What a trace means: pure functions from Arrow tables to figures and words. No clock, no file, no socket."""
