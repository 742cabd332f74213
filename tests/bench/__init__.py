"""The benchmark suite: curves, books, and a short day."""
