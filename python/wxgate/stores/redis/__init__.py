"""Claims and limits that gateways on several machines share, in Redis or Valkey.

``claims.py`` is what admission asks. It gathers what waits into calls (``call.py``) of one script
(``script.lua``), sends them over one connection of `wxgate.redis` (``exchange.py``), and goes on
without it where it is slow or gone (``recovery.py``).
"""
