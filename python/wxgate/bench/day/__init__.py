"""A day of messages, compressed to what the machine carries, and counted at its far end.

`curve` is the day, `stage` the gateway and its accounts, `stand` has its processes run, and
`carried` finds out how fast they can go. At the far end `far_end` takes batches over HTTP, or
`reader` reads a stream, and `tally` counts. `play` runs it all, `meter` reads what each process
uses, and `books` says whether the sums agree.
"""
