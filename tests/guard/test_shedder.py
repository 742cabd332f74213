"""What is refused before it is read, and what never is."""

from __future__ import annotations

from wxgate.guard.shedder import Shedder

ANSWER = (503, "text/plain", b"busy")


def shedder(unread: int, room: int, queue: list[int] | None = None) -> Shedder:
    """One with an account of each sort, and so much room."""
    one = Shedder(queue or [])
    one.apply(["shop", "mch", "platform"], ["mch", "platform"], ANSWER)
    one.room = (unread, room)
    return one


def test_so_many_may_wait_to_be_read() -> None:
    """Who is taken up makes room for the next."""
    one = shedder(2, 100)
    assert [one.refuses("/cb/shop") for _ in range(4)] == [False, False, True, True]
    one.begin()
    assert [one.refuses("/cb/shop") for _ in range(2)] == [False, True]
    assert one.answer == ANSWER


def test_who_has_been_read_and_waits_takes_room_as_well() -> None:
    """Whatever waits is in one queue."""
    one = shedder(100, 3, [1, 2])
    assert [one.refuses("/cb/shop") for _ in range(2)] == [False, True]


def test_money_and_tickets_are_always_read() -> None:
    """But not what the users of a platform's authorizers say."""
    one = shedder(0, 0)
    paths = ("/cb/mch", "/cb/platform", "/cb/platform/wx1", "/cb/shop", "/cb/", "/else")
    assert [one.refuses(path) for path in paths] == [False, False, True, True, True, True]


def test_each_refusal_is_told_once_under_a_name_that_is_configured() -> None:
    """Strangers' names count as none."""
    one = shedder(0, 0)
    for path in ("/cb/shop", "/cb/shop", "/cb/platform/wx1", "/cb/nobody", "/"):
        one.refuses(path)
    assert dict(one.told()) == {"shop": 2, "platform": 1, "": 2}
    assert dict(one.told()) == {}
    one.apply(["shop", "new"], [], ANSWER)
    one.refuses("/cb/new")
    assert dict(one.told()) == {"new": 1}
