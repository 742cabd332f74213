"""Who has a row in the memory that workers share: names come, none goes, and none moves."""

from __future__ import annotations

from wxgate.rows import Rows
from wxgate.settings import Settings
from wxgate.settings.push import Official
from wxgate.settings.route import Route
from wxgate.settings.texts import Target, Url
from wxgate.settings.upstream import Node, Upstream


def settings(*names: str) -> Settings:
    """An upstream that has nodes of these names, and another without a route."""
    nodes = tuple(Node(url=Url.parse("http://127.0.0.1:9"), name=name) for name in names)
    account = Official(appid=("wx0123456789abcdef",), token=(), aes_key=())
    return Settings(
        account={"shop": account},
        upstream={"orders": Upstream(nodes=nodes), "idle": Upstream(nodes=nodes)},
        route=(Route(to=Target.parse("upstream:orders")), Route(to=Target.parse("log:"))),
    )


def named(rows: Rows) -> list[str]:
    """The names of the nodes that have one."""
    assert {destination for destination, _ in rows.nodes} == {"upstream:orders"}
    return [name for _, name in rows.nodes]


def test_nodes_come_and_none_goes() -> None:
    """A reload that drops one and adds one moves nobody's row."""
    rows = Rows.of(settings("a", "b"))
    assert named(rows) == ["a", "b"]
    assert named(rows.extended(settings("c", "b"))) == ["a", "b", "c"]


def test_nodes_that_come_and_go_for_ever_stop_no_reload() -> None:
    """Those beyond the rows are left out, and the earlier ones keep theirs."""
    rows = Rows.of(settings("a"))
    for turn in range(3):
        rows = rows.extended(settings(*(f"n{turn}-{at}" for at in range(500))))
    assert len(rows.nodes) == rows.node_rows == 1025
    assert named(rows)[0] == "a"
