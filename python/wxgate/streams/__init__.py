"""The streams hub in Redis: what the gateway appends and the team's workers read.

A stream is a number of partitions, each a Redis stream of its own; a routing key always falls into
the same one. `keys` names everything, `script` runs what must be one step on the server. The
gateway's side is `append`, `ledger` and `survey`, used by `wxgate.sinks.stream`; the workers' side
is `wxgate.work`.
"""
