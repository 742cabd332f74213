"""The window and the cursor, without any deliveries: what is taken, and what is left for later."""

from __future__ import annotations

from wxgate.dispatch.lane import Item, Lane, Window
from wxgate.dispatch.reader import Reader

from .world import Memory, Message


def made(places: int, log: Memory) -> tuple[Window, Reader]:
    """A window of so many places on a journal."""
    window = Window(places, 1 << 30)
    reader = Reader(0, window, lambda _, __: (0,))
    reader.open(log)
    return window, reader


def held(window: Window) -> list[int]:
    """What is in memory."""
    return sorted(item.seq for lane in window.lanes.values() for item in lane.items)


def caught_up(window: Window, reader: Reader, last: int = 0) -> None:
    """Read until nothing comes, or nothing fits."""
    while reader.behind and window.room and reader.read(last):
        pass


def test_after_a_start_it_reads_to_the_end_whatever_it_is_told() -> None:
    """Nothing was recorded yet, but the journal holds more than a batch."""
    log = Memory()
    for at in range(600):
        log.put(f"k{at}")
    window, reader = made(1024, log)
    caught_up(window, reader)
    assert held(window) == list(range(1, 601))
    assert not reader.behind


def test_what_was_read_before_it_was_recorded_is_not_taken_twice() -> None:
    """The journal knows it before the recorder says so."""
    log = Memory()
    messages = [log.put("a"), log.put("b")]
    window, reader = made(8, log)
    caught_up(window, reader)
    assert all(reader.offer(one.seq, 0, one, (0,)) is None for one in messages)
    third = Message(3, "c")
    item = reader.offer(3, 0, third, (0,))
    assert item is not None
    assert item.event == third.event


def test_without_room_it_falls_behind_and_starts_from_there() -> None:
    """It need not look again at what others got meanwhile."""
    log = Memory()
    window, reader = made(1, log)
    caught_up(window, reader)
    for seq in (1, 500):
        log.messages += [Message(at, "other", ()) for at in range(len(log.messages) + 1, seq)]
        log.put(f"k{seq}")
    first = reader.offer(1, 0, log.messages[0], (0,))
    assert first is not None
    window.add("k1", first)
    assert reader.offer(500, 0, log.messages[499], (0,)) is None
    assert reader.behind
    assert reader.cursor == 499
    window.finish(window.ready.popleft(), 1)
    caught_up(window, reader, 500)
    assert held(window) == [500]


def test_what_a_lane_left_is_found_up_to_the_cursor_and_no_further() -> None:
    """Beyond it the cursor will find it, once."""
    log = Memory()
    for _ in range(6):
        log.put("a")
    log.settle(0, [1])
    window, reader = made(1024, log)
    lane = window.lanes["a"] = Lane("a")
    lane.spilled = 2
    window.finish(lane, 0)
    reader.cursor = 3
    while reader.wants and reader.read(6):
        pass
    assert [one.seq for one in lane.items] == [2, 3, 4, 5, 6]
    assert (lane.spilled, reader.cursor, reader.behind) == (0, 6, False)


def item(seq: int) -> Item:
    """A message for the window."""
    message = Message(seq, "a")
    return Item(seq, 0, message, message.event, (0,))


def test_a_lane_that_must_wait_during_the_search_is_searched_again() -> None:
    """What it had just got back is left once more, and not forgotten when the search ends."""
    window = Window(40, 1 << 30)
    for at in range(19):
        window.add(f"k{at}", item(100 + at))
    lane = window.lanes["a"] = Lane("a")
    lane.spilled = 1
    window.finish(lane, 0)
    assert lane in window.recalling
    assert window.recall(lane, item(1))
    assert not window.recall(lane, item(2))
    window.yield_places(lane)
    window.recalled()
    assert [one.seq for one in lane.items] == [1]
    assert lane.spilled == 2
    assert window.held == 19
