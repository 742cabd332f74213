"""A day of messages, compressed to what the machine carries, and counted at its far end.

`curve` is the day, `stage` the gateway and its accounts, `far_end` the service that counts, `play`
runs it all, and `books` says whether the sums agree.
"""
