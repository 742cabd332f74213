"""Tests of `wxgate.sim`."""
