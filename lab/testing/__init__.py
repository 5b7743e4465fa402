"""The lab inside somebody else's test suite: a fixture, a marker, and their verdicts as test outcomes."""
