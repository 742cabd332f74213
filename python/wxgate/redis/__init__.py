"""Connections to a Redis or Valkey, as lean as the path of every message wants them.

``place.py`` finds the server that has a key, ``session.py`` logs in there, ``link.py`` is the
connection. Claims keep one of them (`wxgate.stores.redis`); streams run each ``script.py`` by a
``runner.py``, wherever its keys are.
"""
