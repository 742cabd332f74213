"""The figures of all workers, side by side and added up."""

from __future__ import annotations

from wxgate.dispatch.board import COLUMNS, Board

NAMES = ["upstream:orders", 'http://x/"y"']


def test_each_worker_writes_its_own_and_all_are_added_up() -> None:
    """In one block that they share."""
    block = memoryview(bytearray(Board.size(2) * 3))
    first, last = Board(NAMES, 2, block, 0), Board(NAMES, 2, block, 2)
    first.publish(NAMES[0], range(10, 10 + len(COLUMNS)))
    last.publish(NAMES[0], range(100, 100 + len(COLUMNS)))
    last.publish(NAMES[1], [7] * len(COLUMNS))
    last.publish(NAMES[1], [8] * len(COLUMNS))
    for board in (first, last):
        sums = [board.total(NAMES[0], column) for column in COLUMNS]
        assert sums == [110 + 2 * at for at in range(len(COLUMNS))]
        assert board.total(NAMES[1], "behind") == 8


def test_prometheus_can_read_it() -> None:
    """Gauges, each with its help; a quote in a name is escaped."""
    board = Board(NAMES, 4)
    board.publish(NAMES[1], range(len(COLUMNS)))
    lines = list(board.render())
    assert "# TYPE wxgate_dispatch_behind gauge" in lines
    assert r'wxgate_dispatch_waiting{destination="http://x/\"y\""} 1' in lines
    assert 'wxgate_dispatch_parked{destination="upstream:orders"} 0' in lines
    assert "# TYPE wxgate_dispatch_opened_total counter" in lines
    assert len(lines) == len(COLUMNS) * 4


def test_a_query_is_for_nobody_to_read() -> None:
    """It may hold a secret. Two that differ in nothing else are still two."""
    names = [f"http://x/hook?key={secret}" for secret in ("sesame", "mellon")]
    board = Board(names, 2)
    lines = [line for line in board.render() if line.startswith("wxgate_dispatch_held{")]
    assert len(set(lines)) == 2
    assert all(
        line.startswith('wxgate_dispatch_held{destination="http://x/hook?') for line in lines
    )
    assert not any("sesame" in line or "mellon" in line for line in lines)


def test_destinations_beyond_the_rows_are_left_out() -> None:
    """The block was made before their names were known; nothing breaks."""
    board = Board(NAMES, 1)
    board.publish(NAMES[1], [7] * len(COLUMNS))
    assert [line for line in board.render() if "http" in line] == []
