"""Tests of `wxgate.settings`."""
