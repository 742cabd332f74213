"""`wxgate bench load` against a real gateway: the books balance, and what is wrong is said."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec
import pytest
from wxgate.bench import account
from wxgate.bench.parts import mix, playable
from wxgate.bench.plan import Progress, Seen
from wxgate.cli import main
from wxgate.cli.bench.telling import Show
from wxgate.settings import load
from wxgate.sim import Belongings

if TYPE_CHECKING:
    from wxgate.sim.demo.world import World

    from .conftest import Arrived


def bench(world: World, *words: str) -> int:
    """Call the command."""
    return main(["bench", "load", "--config", str(world.config), *words])


def seen(capsys: pytest.CaptureFixture[str]) -> Seen:
    """What the command printed with --json."""
    return msgspec.json.decode(capsys.readouterr().out, type=Seen)


def test_all_kinds_arrive_and_are_acknowledged(
    world: World, arrived: Arrived, capsys: pytest.CaptureFixture[str]
) -> None:
    """Official account, mini program, WeCom and Pay, strangers in between."""
    key = f"mch={world.config.with_name('mch.key')}"
    words = ["--rate", "200", "--seconds", "1", "--forged", "0.1", "--platform-key", key, "--json"]
    before = {event.id for event in arrived()}
    bench(world, *words)
    counts = seen(capsys).counts
    assert counts.messages + counts.forged == 200
    assert (counts.acknowledged, counts.kept_out) == (counts.messages, counts.forged)
    fresh = {event.id: event for event in arrived() if event.id not in before}
    assert len(fresh) == counts.messages
    assert {event.account for event in fresh.values()} == {"shop", "mini", "work", "mch"}
    assert sum(event.account == "mch" for event in fresh.values()) == counts.payments > 0


def test_payments_are_signed_before_the_start(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is said how many, and how long that took; meanwhile how far it is."""
    key = f"mch={world.config.with_name('mch.key')}"
    words = ["--account", "mch", "--rate", "40", "--seconds", "0.5", "--platform-key", key]
    bench(world, *words)  # a player that was late for one of so few calls says no
    out = capsys.readouterr().out
    assert "acknowledged 20 · tried again 0 · given up 0 · payments among them 20\n" in out
    assert re.search(r"^  \d+ payments were signed before the start: \d+\.\d s$", out, re.MULTILINE)


def test_what_is_signed_is_shown_as_it_goes(capsys: pytest.CaptureFixture[str]) -> None:
    """Each percent once: first of what is signed, then of what is played."""
    show = Show()
    at = Progress(
        seconds=0, of=1, planned=100, messages=0, acknowledged=0, refused=0, p99=0, to_sign=1000
    )
    replace = msgspec.structs.replace
    for signed in (100, 101, 110):
        show(replace(at, signed=signed))
    show(replace(at, signed=1000))
    show(replace(at, signed=1000, messages=50))
    told = [line.split()[:2] for line in capsys.readouterr().err.splitlines()]
    assert told == [["10%", "of"], ["11%", "of"], ["0%", "0"], ["50%", "50"]]


def test_one_account_alone_for_people_to_read(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    """Progress goes to stderr, the result to stdout."""
    bench(world, "--account", "shop", "--rate", "20..60", "--seconds", "1.5", "--messages", "60")
    out, err = capsys.readouterr()
    assert out.startswith("60 messages in ")
    assert "acknowledged 60 · tried again 0 · given up 0" in out
    assert "player: " in out
    assert "acknowledged" in err


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["--account", "shup"], 'there is no account "shup"; the configuration has: shop, mini'),
        (["--account", "mch"], "mch is called by WeChat Pay, whose private key no configuration"),
        (["--account", "bot"], "bot is of a kind that is not played at speed: wecom"),
        (["--platform-key", "mch=gone.pem"], "gone.pem cannot be used: No such file or directory"),
        (["--forged", "2"], "forged: a share from 0 to 1 is needed"),
    ],
)
def test_what_cannot_be_played(
    world: World, capsys: pytest.CaptureFixture[str], words: list[str], reason: str
) -> None:
    """Exit code 2 and one line that says what to change."""
    assert bench(world, *words) == 2
    assert capsys.readouterr().err.startswith(reason)


def test_the_mix_is_shared_out_once_over_all_accounts(world: World) -> None:
    """Pay only pays, and the others never do."""
    key = Belongings(private_key=world.config.with_name("mch.key").read_text())
    accounts = playable(load(world.config), {"mch": key})
    parts = mix(accounts)
    assert sum(part.weight for part in parts) == pytest.approx(1.0)
    assert {part.what for part in parts if part.account == "mch"} == {"payment"}
    assert "payment" not in {part.what for part in parts if part.account != "mch"}
    assert key.private_key not in repr(accounts)


def test_a_result_that_is_not_right_says_so(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    """Late, lost, let in: each has its line."""
    bench(world, "--account", "shop", "--rate", "20", "--seconds", "0.2", "--json")
    good = seen(capsys)
    replace = msgspec.structs.replace
    late = replace(good, slip=replace(good.slip, trusted=False, share=0.25))
    lost = replace(good, counts=replace(good.counts, given_up=1))
    invaded = replace(good, counts=replace(good.counts, let_in=3))
    assert "the player was late for 25.0% of its calls" in account.faults(late)
    assert "1 messages were never acknowledged" in account.faults(lost)
    assert "3 forged calls were acknowledged" in account.faults(invaded)
