"""Running: one repetition in processes of its own, the matrix around it, its progress, and the record of the machine."""
