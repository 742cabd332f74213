"""Granian without a gateway on top of it."""

# As wxgate sets granian up, so that only what runs on top of it differs.
GRANIAN = (
    *("--workers", "1", "--runtime-threads", "1", "--runtime-mode", "st", "--loop", "uvloop"),
    *("--http", "1", "--no-ws", "--backlog", "4096", "--backpressure", "4096"),
    *("--log-level", "warning"),
)
