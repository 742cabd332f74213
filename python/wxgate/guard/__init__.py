"""What keeps a peer that fails, is slow or crowded from doing harm, and from being done harm.

`breaker` over a `window` of calls is the circuit breaker of every destination, and `budget` bounds
its retries; `host` puts breaker, bulkhead and timeout around calls to a host that is not ours.
"""
