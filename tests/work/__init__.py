"""The hub's consuming side, on real servers."""
