"""The operator's side: health, readiness and metrics, on a listener of its own."""

from wxgate.admin.server import Admin
from wxgate.admin.status import Status

__all__ = ["Admin", "Status"]
