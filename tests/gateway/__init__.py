"""The gateway as a whole: as a plain ASGI callable, and through granian."""
