"""The hub's writing side, on real servers."""
