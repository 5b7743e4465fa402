"""The regression gate: from stored runs to verdicts with reasons, and to what CI systems read. It measures nothing."""
