"""Names of destinations in logs and metrics: an address may have a query, and that a secret."""

from __future__ import annotations

from hashlib import blake2s


def shown(name: str) -> str:
    """Return a name without its query, but for two bytes of a hash that tell two of them apart."""
    address, mark, query = name.partition("?")
    return f"{address}?{blake2s(query.encode(), digest_size=2).hexdigest()}" if mark else name


def label(name: str) -> str:
    """Return it as the value of a label in Prometheus' text format."""
    return shown(name).replace("\\", r"\\").replace('"', r"\"")
