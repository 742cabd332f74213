"""Destinations on their own, without a gateway around them."""
