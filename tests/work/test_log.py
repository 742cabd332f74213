"""What was read ahead of dispatch, as its journal."""

from __future__ import annotations

from wxgate.streams.keys import Root
from wxgate.work.entry import Entry
from wxgate.work.log import ReadAhead
from wxgate.work.share import Share


def test_a_read_that_is_cut_short_by_bytes_is_gone_on_with() -> None:
    """It has looked as far as what it returns: the rest would be passed over for good."""
    share = Share(Root("wx", "s").partition(0), "group", "name", "token")
    log = ReadAhead(lambda _: None, lambda: None)
    for number in range(10):
        event = b'{"id":"%d"}' % number + b" " * 1000
        log.put(Entry(share, b"%d-0" % number, [b"id", b"%d" % number, b"event", event]))
    seen, position = [], 0
    while position < 10:
        found, position = log.read(0, position, 100, 3000)
        seen += [entry.seq for entry in found]
    assert seen == list(range(1, 11))


def test_a_read_that_finds_nothing_has_looked_at_all() -> None:
    """Also at what is done already."""
    share = Share(Root("wx", "s").partition(0), "group", "name", "token")
    log = ReadAhead(lambda _: None, lambda: None)
    for number in range(3):
        log.put(Entry(share, b"%d-0" % number, [b"id", b"%d" % number, b"event", b"{}"]))
    log.settle(0, [1, 2, 3])
    assert log.read(0, 0, 10, 1000) == ([], 3)
