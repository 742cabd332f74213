"""The demo's books: what was sent, what the gateway counted, what the service got."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from statistics import median, quantiles
from textwrap import fill
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from wxgate.sim.errand import Errand, Try


@dataclass(slots=True)
class Tally:
    """Filled while the demo runs, compared at its end."""

    calls: int = 0
    genuine: int = 0
    disappointed: int = 0
    """Genuine calls that WeChat would make again, and forgeries that passed."""
    expected: Counter[str] = field(default_factory=Counter)
    """Causes for which forgeries must have been refused."""
    arrived: Counter[str] = field(default_factory=Counter)
    """Events at the service, by id: a retry has the id of the first try."""
    seconds: list[float] = field(default_factory=list)
    counters: Mapping[tuple[str, str], int] = field(default_factory=dict)
    """What the gateway's operator sees."""

    def note(self, errand: Errand, tries: Sequence[Try]) -> None:
        """Enter what became of an errand."""
        for one in tries:
            self.calls += 1
            self.genuine += not one.forged
            self.disappointed += not one.went_well
            if one.answer is not None:
                self.seconds.append(one.answer.seconds)
            if one.forged and errand.forgery is not None:
                self.expected[errand.forgery.code(errand.message)] += 1

    def count(self, name: str) -> int:
        """One of the gateway's counters, over all accounts."""
        return self.counters.get((name, ""), 0)

    @property
    def refused(self) -> Counter[str]:
        """What the gateway refused, by cause."""
        refused = {code: n for (name, code), n in self.counters.items() if name == "refused"}
        return Counter(refused)

    def faults(self) -> list[str]:
        """What does not add up; nothing, as a rule."""
        accepted, arrived = self.count("accepted"), self.arrived.total()
        taken = accepted + self.count("repeated") + self.count("answered")
        sent = "sent = accepted + repeated + answered + refused"
        sums = (
            (self.calls == taken + self.refused.total(), sent),
            (accepted == self.count("delivered") == arrived, "accepted = delivered = arrived"),
            (arrived == len(self.arrived), "each message arrives once"),
            (self.refused == self.expected, "each forgery is refused for its own cause"),
            (self.genuine == taken, "each genuine call is taken"),
            (self.disappointed == 0, "WeChat is satisfied"),
        )
        return [claim for holds, claim in sums if not holds]

    def lines(self, lasted: float) -> Iterator[str]:
        """The summary, for people."""
        yield f"sent      {self.calls:5}  calls in {lasted:.1f} s; {_latency(self.seconds)}"
        yield f"accepted  {self.count('accepted'):5}  recorded, then acknowledged"
        yield f"repeated  {self.count('repeated'):5}  retries, known as such: the same answer again"
        yield f"answered  {self.count('answered'):5}  URL verifications"
        yield f"refused   {self.refused.total():5}  {_causes(self.refused)}"
        delivered, arrived = self.count("delivered"), self.arrived.total()
        yield f"delivered {delivered:5}  and {arrived} arrived at the service"
        yield f"replied   {self.count('replied'):5}  messages with an answer to the user"
        names = ("accepted", "repeated", "answered")
        parts = (*map(self.count, names), self.refused.total())
        yield f"{self.calls} sent = {' + '.join(map(str, parts))}" + (
            "; it does not add up:" if self.faults() else ": it adds up"
        )
        yield from (f"  not so: {fault}" for fault in self.faults())

    def report(self, lasted: float) -> dict[str, Any]:
        """The summary, for programs."""
        return {
            "ok": not self.faults(),
            "faults": self.faults(),
            "seconds": round(lasted, 3),
            "sent": self.calls,
            "accepted": self.count("accepted"),
            "repeated": self.count("repeated"),
            "delivered": self.count("delivered"),
            "replied": self.count("replied"),
            "answered": self.count("answered"),
            "arrived": self.arrived.total(),
            "messages": len(self.arrived),
            "refused": dict(self.refused),
        }


def _causes(refused: Counter[str]) -> str:
    """As many as fit a line; a cause is not torn from its number."""
    causes = ", ".join(f"{code}\xa0{count}" for code, count in refused.most_common())
    return fill(causes, width=66).replace("\n", "\n" + " " * 17).replace("\xa0", " ")


def _latency(seconds: Sequence[float]) -> str:
    if len(seconds) < 2:  # noqa: PLR2004 (a quantile needs two)
        return "no answers"
    worst = quantiles(seconds, n=100)[-1]
    return f"answered in {1000 * median(seconds):.1f} ms, 99 % of them in {1000 * worst:.1f} ms"
