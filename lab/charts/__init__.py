"""Pictures of a trace: each chart takes arrays and returns a figure; one place turns figures into files."""
