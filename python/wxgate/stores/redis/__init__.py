"""Claims and limits that gateways on several machines share, in Redis or Valkey.

``claims.py`` is what admission asks. It gathers what waits into calls (``call.py``) of one script
(``script.lua``), sends them over one connection (``link.py``) to the server that has the keys
(``place.py``), and goes on without it where it is slow or gone (``group.py``).
"""
