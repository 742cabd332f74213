"""Real servers for tests: Redis and Valkey, alone, in Sentinel's care and as a Cluster.

Whoever needs one asks for a fixture of ``fixtures.py``; nothing is started before that, and nothing
outlives the tests, not even where they are killed. `chaos.py` stands between a client and a server.
"""
