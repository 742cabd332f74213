"""An errand told: as lines for people, as an object for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wxgate.sim.gist import gist

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from wxgate.sim.errand import Errand, Try
    from wxgate.sim.message import Message


def went_well(tries: Sequence[Try]) -> bool:
    """Whether each genuine call satisfied WeChat, and each forged one was refused."""
    return all(one.went_well for one in tries)


def lines(errand: Errand, base: str, tries: Sequence[Try]) -> Iterator[str]:
    """Tell what was sent where, what each try was answered, and what WeChat makes of it."""
    forgery = errand.forgery
    yield f"{errand.player.account} ({errand.player.kind}) ← {titled(errand.message)}"
    attack = f", forged: {forgery.about}" if forgery else ""
    yield f"to {base}{errand.message.path}{attack}"
    for at, one in enumerate(tries, start=1):
        status = one.answer.status if one.answer else "---"
        spent = f"{1000 * one.answer.seconds:.1f} ms" if one.answer else ""
        yield f"try {at}  {status}  {spent:>9}  {one.reading.text}"
    yield _verdict(errand, tries)


def titled(message: Message) -> str:
    """Return the title and the gist, without saying a word twice."""
    said, last = gist(message.fields), message.title.split()[-1]
    if said.casefold().startswith(last.casefold()):
        said = said[len(last) :].strip()
    return f"{message.title} {said}".strip()


def _verdict(errand: Errand, tries: Sequence[Try]) -> str:
    if errand.forgery is None:
        return "WeChat is satisfied" if went_well(tries) else "WeChat would send it again"
    if not went_well(tries):
        return f"not refused, though {errand.forgery.about}"
    return f"refused; logs and metrics call it {errand.forgery.code(errand.message)}"


def report(errand: Errand, tries: Sequence[Try]) -> dict[str, Any]:
    """Return all of it, ready for JSON."""
    forgery = errand.forgery
    return {
        "ok": went_well(tries),
        "account": errand.player.account,
        "kind": errand.player.kind,
        "message": {"title": errand.message.title, "fields": errand.message.fields},
        "forgery": forgery and {"name": forgery.name, "code": forgery.code(errand.message)},
        "tries": [_tried(one) for one in tries],
    }


def _tried(one: Try) -> dict[str, Any]:
    return {
        "status": one.answer.status if one.answer else None,
        "milliseconds": round(1000 * one.answer.seconds, 3) if one.answer else None,
        "forged": one.forged,
        "ok": one.went_well,
        "text": one.reading.text,
        "reply": one.reading.reply,
    }
