"""What must hold after a run, whatever the fault was: the common oracle of the fault catalogue.

Every check adds sentences to a list of faults; an empty list is a run in which the promises held.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from collections.abc import Set as AbstractSet

    from .books import Books, Said
    from .sink import Shelf

_SHOWN = 5
RECENT = 2.0
"""Seconds before a kill within which a delivery may not have been noted yet.

To these comes the longest time that an answer took: both wait for the same disk at a sync.
"""
ACKNOWLEDGED = "success"
"""The documented answer to a message whose own reply is not known: late, or lost by a crash."""


@dataclass(frozen=True, slots=True)
class Outage:
    """One end of the gateway that it could not prepare for, in seconds of the loop's clock."""

    down: float
    """When it was up for certain, before it was killed."""
    up: float
    """When it was seen to be up again."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a row allows."""

    duplicates: int = 0
    """Messages taken again, summed up, that no outage explains."""
    outages: Sequence[Outage] = ()
    in_flight: int = 0
    """Messages taken again for each outage: those that were being delivered."""
    replies: int = 0
    """Messages whose tries were given different replies (a crash between two tries may do that)."""
    silent: int = 0
    """Tries without an answer in five seconds."""
    ordered: bool = True
    """Whether messages of one key arrive in the order of their acceptance."""


NONE = Bounds()


def faults(
    books: Books, shelf: Shelf, bounds: Bounds = NONE, *, buried: AbstractSet[int] = frozenset()
) -> list[str]:
    """Everything that does not hold; ``buried`` are the listed dead letters."""
    return [
        *_loss(books, shelf, buried),
        *_duplicates(books, shelf, bounds),
        *_invention(books, shelf),
        *_replies(books, bounds),
        *(_order(books, shelf) if bounds.ordered else ()),
        *_deadline(books, bounds),
    ]


def lost(books: Books, shelf: Shelf, buried: AbstractSet[int] = frozenset()) -> set[int]:
    """Messages that were acknowledged, and are nowhere."""
    return books.acknowledged - shelf.numbers.keys() - buried


def _loss(books: Books, shelf: Shelf, buried: AbstractSet[int]) -> Iterator[str]:
    if missing := lost(books, shelf, buried):
        yield f"lost: {len(missing)} acknowledged messages never arrived: {_some(missing)}"
    if both := buried & shelf.numbers.keys():
        yield f"buried, and delivered all the same: {_some(both)}"


def repeated(
    books: Books, shelf: Shelf, outages: Sequence[Outage]
) -> tuple[Counter[float], list[int]]:
    """Messages taken again: how many each outage explains, and those that none does.

    One explains what was taken shortly before it or while it lasted, and came again since.
    """
    recent = RECENT + books.slowest
    last: dict[int, float] = {}
    explained: Counter[float] = Counter()
    unexplained: list[int] = []
    for one in shelf.taken:
        former = last.get(one.number)
        last[one.number] = one.at
        if former is None:
            continue
        for outage in outages:
            if outage.down - recent <= former <= outage.up and one.at >= outage.down:
                explained[outage.down] += 1
                break
        else:
            unexplained.append(one.number)
    return explained, unexplained


def _duplicates(books: Books, shelf: Shelf, bounds: Bounds) -> Iterator[str]:
    """Each needs an outage, and an outage has few."""
    explained, unexplained = repeated(books, shelf, bounds.outages)
    if len(unexplained) > bounds.duplicates:
        yield (
            f"{len(unexplained)} duplicates, {bounds.duplicates} allowed: {_some(set(unexplained))}"
        )
    if explained and (most := max(explained.values())) > bounds.in_flight:
        yield f"{most} duplicates around one outage, {bounds.in_flight} allowed"


def _invention(books: Books, shelf: Shelf) -> Iterator[str]:
    if strange := shelf.numbers.keys() - books.said.keys():
        yield f"invented: {_some(strange)} were never sent"
    ids: dict[int, str] = {}
    numbers: dict[str, int] = {}
    for one in shelf.taken:
        if ids.setdefault(one.number, one.id) != one.id:
            yield f"message {one.number} has two ids"
        if numbers.setdefault(one.id, one.number) != one.number:
            yield f"id {one.id} stands for two messages"
        said = books.said.get(one.number)
        if said is not None and said.user not in one.key:
            yield f"message {one.number} of {said.user} came under the key {one.key}"


def _replies(books: Books, bounds: Bounds) -> Iterator[str]:
    differing = {
        one.number for one in books.said.values() if len({*one.replies} - {ACKNOWLEDGED}) > 1
    }
    if len(differing) > bounds.replies:
        yield f"{len(differing)} messages had several replies: {_some(differing)}"
    uncalled = {
        one.number
        for one in books.said.values()
        if not one.asks and {*one.replies} - {ACKNOWLEDGED}
    }
    if uncalled:
        yield f"messages that nobody answered had a reply: {_some(uncalled)}"
    if books.unreadable:
        yield f"{len(books.unreadable)} answers with 200 are none: {books.unreadable[:_SHOWN]}"


def _order(books: Books, shelf: Shelf) -> Iterator[str]:
    """One that was acknowledged before another was first sent has been accepted before it."""
    places: dict[int, int] = {}
    for place, one in enumerate(shelf.taken):
        places.setdefault(one.number, place)
    users: dict[str, list[Said]] = defaultdict(list)
    for said in books.said.values():
        if said.number in places:
            users[said.user].append(said)
    for user, messages in users.items():
        if wrong := _overtaken(messages, places):
            earlier, later = wrong
            yield f"{user}: {later} arrived before {earlier}, which was accepted before it"


def _overtaken(messages: list[Said], places: dict[int, int]) -> tuple[int, int] | None:
    """The first pair in the wrong order, by one pass in the order of first sending."""
    accepted = sorted(
        (one for one in messages if one.acknowledged is not None),
        key=lambda one: one.acknowledged or 0.0,
    )
    at, furthest = 0, None
    for later in sorted(messages, key=lambda one: one.first_sent):
        while at < len(accepted) and (accepted[at].acknowledged or 0.0) < later.first_sent:
            if furthest is None or places[accepted[at].number] > places[furthest]:
                furthest = accepted[at].number
            at += 1
        if furthest is not None and places[furthest] > places[later.number]:
            return furthest, later.number
    return None


def _deadline(books: Books, bounds: Bounds) -> Iterator[str]:
    if len(books.silent) > bounds.silent:
        yield f"{len(books.silent)} tries had no answer in 5 s: {_some(set(books.silent))}"


def _some(numbers: AbstractSet[int]) -> str:
    shown = ", ".join(map(str, sorted(numbers)[:_SHOWN]))
    return f"{shown}, …" if len(numbers) > _SHOWN else shown
