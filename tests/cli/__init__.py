"""Tests of `wxgate.cli`."""
