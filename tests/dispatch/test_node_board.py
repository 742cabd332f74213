"""The nodes' figures of all workers, side by side and added up."""

from __future__ import annotations

from wxgate.dispatch.node_board import NodeBoard
from wxgate.sinks.cells import AWAY, COLUMNS, PICKED

NAMES = [("upstream:a", "one"), ("upstream:a", "two"), ("upstream:b", "one")]


def shown(board: NodeBoard, metric: str) -> dict[str, int]:
    """The samples of a metric, by their labels."""
    found = (line.rpartition(" ") for line in board.render() if line.startswith(f"{metric}{{"))
    return {labels.removeprefix(metric): int(value) for labels, _, value in found}


def test_each_worker_counts_for_itself_and_all_are_added_up() -> None:
    """In one block that they share; a node of two upstreams is two."""
    block = memoryview(bytearray(NodeBoard.size(3) * 2))
    boards = [NodeBoard(NAMES, 3, block, worker) for worker in range(2)]
    for board in boards:
        words, (one, two) = board.cells("upstream:a", ["one", "two"])
        words[one + PICKED] += 2
        words[two + PICKED] += 5
    for board in boards:
        assert shown(board, "wxgate_node_picked_total") == {
            '{destination="upstream:a",node="one"}': 4,
            '{destination="upstream:a",node="two"}': 10,
            '{destination="upstream:b",node="one"}': 0,
        }
        assert len([*board.render()]) == len(COLUMNS) * (2 + 3)


def test_nodes_that_go_keep_their_counts_and_are_away_no_more() -> None:
    """A reload gives an upstream other nodes; a worker that comes later goes on counting."""
    board = NodeBoard(NAMES, 4)
    words, (one, _) = board.cells("upstream:a", ["one", "two"])
    words[one + PICKED] = words[one + AWAY] = 1
    board.show([*NAMES, ("upstream:a", "three")])
    words, (two, three) = board.cells("upstream:a", ["two", "three"])
    assert three not in (one, two)
    assert words[one + AWAY] == 0
    assert shown(board, "wxgate_node_picked_total")['{destination="upstream:a",node="one"}'] == 1


def test_nodes_beyond_the_rows_are_not_shown() -> None:
    """They are counted where nobody looks; nobody else's figures change."""
    board = NodeBoard(NAMES, 1)
    words, (one, two) = board.cells("upstream:a", ["one", "two"])
    words[two + PICKED] += 7
    assert words[one + PICKED] == 0
    assert [*shown(board, "wxgate_node_picked_total").values()] == [0]
