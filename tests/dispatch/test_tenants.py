"""Accounts at one destination: each in its turn, none in the way of the others."""

from __future__ import annotations

import asyncio
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wxgate.dispatch import Limits, Schedule
from wxgate.dispatch.lane import Item, Lane, Window
from wxgate.dispatch.turns import Turns

from .clockwork import loop, play
from .world import Memory, Message, Service, World, busy, in_order


def test_accounts_take_turns() -> None:
    """However many lanes one has ready, the next account's comes after one of them."""
    turns = Turns()
    turns.extend(Lane(f"a{at}", "a") for at in range(100))
    turns.extend([Lane("b0", "b"), Lane("c0", "c"), Lane("b1", "b")])
    turns.extendleft([Lane("b9", "b")])
    order = [turns.popleft().key for _ in range(8)]
    assert order == ["a0", "b9", "c0", "a1", "b0", "a2", "b1", "a3"]
    last = Lane("z", "z")
    turns.append(last)
    turns.remove(last)
    assert len(turns) == len(list(reversed(turns))) == 96


def test_an_account_in_the_lane_of_another_is_not_remembered() -> None:
    """Accounts may have users of one name; who is counted with another leaves no trace."""
    log = Memory()
    window = Window(64, 1 << 30, shared=True)
    assert window.tenants is not None
    window.tenants.count(())
    for account in ("first", "second", "third"):
        message = log.put("zhangsan", account=account)
        window.add(message.key, Item(message.seq, 0, message, message.event, (0,)))
    known = [window.tenants.find(account) for account in ("first", "second", "third")]
    assert [one is not None for one in known] == [True, False, False]
    window.finish(window.ready.popleft(), 3)
    assert window.is_empty
    assert window.tenants.find("first") is None
    assert not window.tenants.counting


@settings(deadline=None)
@given(st.integers(0, 1 << 32), st.integers(1, 40), st.integers(1, 4))
def test_whoever_is_counted_has_what_is_there(seed: int, places: int, accounts: int) -> None:
    """However often the window fills and empties, and counting begins and ends."""
    chance = random.Random(seed)  # noqa: S311 (a test)
    window = Window(places, 1 << 30, shared=True)
    waiting: list[Lane] = []
    began = set()
    for seq in range(1, 400):
        account = f"a{chance.randrange(accounts)}"
        match chance.choice("aaffwb" if seq % 100 < 60 else "affffb"):
            case "a":
                message = Message(seq, f"k{chance.randrange(60)}", account=account)
                window.add(message.key, Item(seq, 0, message, b"event", (0,)))
            case "f" if window.ready:
                window.finish(window.ready.popleft(), 1)
            case "w" if window.ready:
                waiting.append(window.ready.popleft())
                window.yield_places(waiting[-1])
            case "b":
                window.ready.extend(waiting)
                waiting.clear()
        began.add(_counted_right(window))
    assert False in began


def _counted_right(window: Window) -> bool:
    """Whether anybody is counted; then all are, and each has what its lanes hold."""
    tenants = window.tenants
    assert tenants is not None
    lanes = window.lanes.values()
    if not tenants.counting:
        assert all(lane.tenant is None for lane in lanes)
        return False
    for tenant in {lane.tenant for lane in lanes}:
        assert tenant is not None
        assert tenants.find(tenant.account) is tenant
        own = [lane for lane in lanes if lane.tenant is tenant]
        assert tenant.lanes == len(own)
        held = [item for lane in own for item in lane.items if item.message is not None]
        assert tenant.held == len(held)
    return True


async def a_tenth(_: str, __: int) -> bytes:
    """Take ten a second, one at a time."""
    await asyncio.sleep(0.1)
    return b""


@pytest.mark.parametrize("users", [3000, 20])
def test_one_tenant_at_ten_times_the_load_costs_the_others_nothing(users: int) -> None:
    """Its backlog is many times the window; the others' messages go with the next try or two."""

    async def run() -> None:
        service = Service(a_tenth)
        world = World(service, limits=Limits(concurrency=1, queue=64, shared=True))
        world.resume()
        for at in range(3000):
            world.record(f"greedy{at % users}", account="greedy")
        late = []
        for at in range(100):
            message = world.record(f"modest{at % 3}", account="modest")
            for more in range(10):
                world.record(f"greedy{more}", account="greedy")
            started = loop().time()
            await service.took(message.id)
            late.append(loop().time() - started)
        assert max(late) <= 0.35
        await loop().rest()
        assert world.left() == []
        assert in_order(service.taken)
        assert len(set(service.taken)) == len(service.taken) == 4100

    play(run())


def test_who_was_behind_when_the_gateway_started_is_found() -> None:
    """What an earlier process left is read on over the greedy one's messages."""

    async def run() -> None:
        service = Service(a_tenth)
        world = World(service, limits=Limits(concurrency=1, queue=64, shared=True))
        for at in range(2000):
            world.log.put(f"greedy{at % 700}", account="greedy")
        last = world.log.put("modest", account="modest")
        world.resume()
        started = loop().time()
        await service.took(last.id)
        assert loop().time() - started < 1
        await loop().rest()
        assert world.left() == []
        assert in_order(service.taken)

    play(run())


@settings(deadline=None, max_examples=25)
@given(
    st.integers(0, 1 << 32),
    st.integers(4, 40),
    st.integers(1, 5),
    st.integers(1, 4),
    st.sampled_from(["keys in common", "keys of its own"]),
)
def test_nothing_is_lost_or_turned_round_whatever_happens(
    seed: int, queue: int, accounts: int, batch: int, which: str
) -> None:
    """Small windows, many accounts, services that fail, a restart: each message once, in order.

    Where accounts have keys in common, it is the order within each account that is kept.
    """
    chance = random.Random(seed)  # noqa: S311 (a test)

    async def behave(_: str, tries: int) -> bytes:
        await asyncio.sleep(chance.random() / 20)
        if tries < 4 and chance.random() < 0.2:
            raise busy(503, chance.choice([None, 0.5]))
        return b""

    async def run() -> None:
        service = Service(behave)
        retry = Schedule(first=0.1, factor=2, max=2, give_up=1e6)
        limits = Limits(concurrency=3, queue=queue, batch=batch, retry=retry, shared=True)
        world = World(service, limits=limits)
        world.resume()
        for at in range(300):
            account = min(chance.randrange(accounts), chance.randrange(accounts))
            key = f"a{account}-" if "own" in which else ""
            world.record(f"{key}k{chance.randrange(30)}", account=f"a{account}")
            if chance.random() < 0.1:
                await asyncio.sleep(chance.random() / 4)
            if at == 150 and chance.random() < 0.5:
                await world.dispatcher.drain(10)
                world.log.cursors.clear()
                world.start()
                world.resume()
        await loop().rest()
        assert world.left() == []
        assert _in_order_of_each(world, service.taken)
        assert len(set(service.taken)) == len(service.taken) == 300
        (standing,) = world.dispatcher.snapshot()
        assert (standing.held, standing.waiting) == (0, 0)

    play(run())


def _in_order_of_each(world: World, taken: list[str]) -> bool:
    accounts = {message.id: message.account for message in world.log.messages}
    names = set(accounts.values())
    return all(in_order([one for one in taken if accounts[one] == name]) for name in names)


async def _bad_ones_fail(name: str, _: int) -> bytes:
    await asyncio.sleep(0.01)
    if name.startswith("bad"):
        raise busy(503)
    return b""


def test_stuck_keys_do_not_keep_their_account_from_what_it_left_behind() -> None:
    """They are fewer than half of the window, and more than half of the account's part."""

    async def run() -> None:
        service = Service(_bad_ones_fail)
        world = World(service, limits=Limits(shared=True))
        world.resume()
        for stuck in range(450):
            world.record(f"bad{stuck}", account="shop")
            for at in range(5):
                world.record(f"ok{stuck}-{at}", account="shop")
            await asyncio.sleep(0.02)
        await asyncio.sleep(30)
        for at in range(2000):
            world.record(f"good{at}", account="shop")
        await asyncio.sleep(600)
        assert sum(one.startswith("good") for one in service.taken) == 2000
        await world.dispatcher.drain(0)

    play(run())


def test_one_key_s_large_messages_do_not_take_the_others_room() -> None:
    """Behind a head that fails lie as many bytes as the window may hold."""

    async def run() -> None:
        service = Service(_bad_ones_fail)
        world = World(service)
        world.resume()
        await asyncio.sleep(0.01)
        for _ in range(80):
            world.record("bad", size=1 << 20)
        await asyncio.sleep(1)
        for at in range(50):
            world.record(f"good{at}")
        await asyncio.sleep(600)
        assert sum(one.startswith("good") for one in service.taken) == 50
        await world.dispatcher.drain(0)

    play(run())


def test_a_search_that_ends_lets_an_account_have_what_it_left() -> None:
    """Where it was the number of its lanes alone that was in the way."""
    window = Window(1, 1 << 20, shared=True)
    lanes = []
    for seq in range(1, 13):
        window.add(f"u{seq}", item(seq))
        lanes.append(window.ready.popleft())
        window.yield_places(lanes[-1])
    window.add("u13", item(13))
    assert window.tenants is not None
    assert window.tenants.of("shop").spilled == 13
    for lane in lanes:
        lane.spilled = 14
        window.finish(lane, 1)
    window.scanned = 20
    window.recalled()
    assert not window.lanes
    assert window.searching
    assert window.scanned == 12


def item(seq: int) -> Item:
    """A message of one account, each with a key of its own."""
    return Item(seq, 0, Message(seq, f"u{seq}"), b"event", (0,))
