"""Fleets at their full size, in one process: the ring, the claims and the limits of all nodes.

`ring` lays keys on the nodes of an upstream. `gateways` makes what each node of a fleet has for
claims and limits, all of them on one real Redis; `tries` sends messages, and some of them again, to
any node, and `passing` more and fewer messages than a limit allows. `play` runs it all, `account`
says what must hold. Sockets, journals and deliveries are left out.
"""
