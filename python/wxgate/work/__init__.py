"""The consuming side of the streams hub: what `wxgate work` and `wxgate.consume` are made of.

A consumer of a group has some of the stream's partitions, by `lease`: so the messages of one key
are in one pair of hands at a time. A partition it has is a `share`: read, acknowledged and handed
on there, by scripts that refuse whoever has lost it. `consumer` looks after the shares and reads
from them; `worker` feeds a destination of dispatch from it, and `consume` a loop of the team's own.
What cannot be handled goes to the `dead` letters.
"""
