"""The typewriter page: a small chat application that shows a stream as its readers see one, and measures while it does."""
