"""Calibration: the floor of this machine, measured with the lab's own parts, and up to which load results are valid here."""
