"""Dispatch: from a journal to destinations, against a journal in memory and a clock that jumps."""
