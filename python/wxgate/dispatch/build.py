"""From the configuration to the destinations: one for each distinct target."""

from __future__ import annotations

import inspect
import random
import time
from importlib import import_module
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec.structs import replace

from wxgate.dispatch.place import Limits, Place
from wxgate.dispatch.pool import PlainFunctionSink, Pool
from wxgate.dispatch.retry import Schedule
from wxgate.guard.breaker import Rules
from wxgate.handlers import check
from wxgate.settings.problems import UnfitError
from wxgate.settings.redis import RedisPlace
from wxgate.settings.stream import Stream
from wxgate.sinks.function import FunctionSink
from wxgate.sinks.log import LogSink

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wxgate.handlers import Registered
    from wxgate.settings import Settings
    from wxgate.settings.breaker import Breaker
    from wxgate.settings.dispatch import Retry
    from wxgate.settings.health import Health
    from wxgate.settings.texts import Target
    from wxgate.settings.upstream import Upstream
    from wxgate.sinks.checks import Schedule as Checking
    from wxgate.sinks.fleet import Fleet
    from wxgate.streams.memory import Memory

_CONNECT = 1.0
"""Seconds in which a node has to accept a connection."""
_SLOW = 0.8
"""Of a timeout: a try that takes longer is slow, unless the settings say when it is."""
_PATIENCE = 3.0
"""Timeouts after which a probe is replaced: the sink, and then the crew, should have ended it."""


class Plan(msgspec.Struct, frozen=True):
    """What a dispatcher is made of."""

    places: tuple[Place, ...]
    """The destinations; their order is that of the journal's indexes."""
    routes: tuple[int, ...]
    """For each route of the core, the index of its place."""
    answering: frozenset[int] = frozenset()
    """The places whose answers are waited for, by index."""
    pool: Pool | None = None
    """The threads for plain functions."""

    @property
    def names(self) -> list[str]:
        """The names of the places, as the journal is told them."""
        return [place.name for place in self.places]


def plan(
    settings: Settings, handlers: Sequence[Registered] = (), before: Plan | None = None
) -> Plan:
    """Make the destinations: first the functions of ``handlers``, then the targets of the routes.

    What ``before`` made from the same settings stays what it is, connections and all. Raises
    ``ImportError`` or ``AttributeError`` for a function that is not there, ``ConfigError`` for a
    handler of an account that is not there.
    """
    check(handlers, settings.account)
    shop = _Shop(settings, before)
    places: dict[str, Place] = {}
    routes = []
    for handler in handlers:
        name = _free(_name(handler.function), places)
        places[name] = shop.function(name, handler.function)
        routes.append(name)
    for route in settings.route:
        name = str(route.to)
        if name not in places:
            places[name] = shop.place(route.to)
        routes.append(name)
    indices = {name: index for index, name in enumerate(places)}
    waits = [True] * len(handlers) + [route.reply == "wait" for route in settings.route]
    shared = len(settings.account) > 1
    return Plan(
        tuple(_sharing(one, shared=shared) for one in places.values()),
        tuple(indices[name] for name in routes),
        frozenset(indices[name] for name, wait in zip(routes, waits, strict=True) if wait),
        shop.pool,
    )


def _sharing(one: Place, *, shared: bool) -> Place:
    """Return a place for one account or for several; the very same if it is that already."""
    limits = one.limits
    return one if limits.shared == shared else replace(one, limits=replace(limits, shared=shared))


def place(settings: Settings, target: Target) -> Place:
    """Make one destination, which need not be one of the routes'. Raises as ``plan`` does."""
    return _Shop(settings).place(target)


class _Shop:
    """Makes places, unless an earlier plan has made the same."""

    def __init__(self, settings: Settings, before: Plan | None = None) -> None:
        self._settings = settings
        self._made = {} if before is None else {one.name: one for one in before.places}
        pool = None if before is None else before.pool
        size = Pool.sized(settings.dispatch.workers)
        self.pool = pool if pool is not None and pool.size == size else Pool(size)

    def place(self, target: Target) -> Place:
        settings, name = self._settings, str(target)
        match target.scheme:
            case "python":
                return self.function(name, _imported(target.place))
            case "log":
                spec = settings.dispatch
                return self._same(name, spec) or Place(name, LogSink(), _limits(settings), spec)
            case "http":
                spec = settings.dispatch
                return self._same(name, spec) or _http(settings, name, target.place)
            case "upstream":
                upstream = settings.upstream[target.place]
                return self._same(name, upstream) or _upstream(name, upstream)
            case "stream":
                stream = settings.stream.get(target.place, Stream())
                where = settings.redis_of(target.place)
                return self._same(name, (stream, where)) or _stream(
                    name, stream, where, self._made.get(name)
                )

    def function(self, name: str, function: Any) -> Place:  # noqa: ANN401 (anything callable)
        spec = function, self._settings.dispatch
        return self._same(name, spec) or _function(self._settings, name, function, self.pool)

    def _same(self, name: str, spec: object) -> Place | None:
        made = self._made.get(name)
        return made if made is not None and made.spec == spec else None


def _imported(place: str) -> Any:  # noqa: ANN401 (a function, for all that one knows)
    module, _, function = place.partition(":")
    return getattr(import_module(module), function)


def _function(settings: Settings, name: str, function: Any, pool: Pool) -> Place:  # noqa: ANN401
    limits = _limits(settings)
    spec = function, settings.dispatch
    if inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(
        getattr(function, "__call__", None)  # noqa: B004 (an object may have an async __call__)
    ):
        return Place(name, FunctionSink(function), limits, spec)
    patient = replace(limits, concurrency=pool.size, timeout=None)
    return Place(name, PlainFunctionSink(function, pool), patient, spec)


def _http(settings: Settings, name: str, url: str) -> Place:
    # Imported here: a gateway that calls nobody need not carry an HTTP client.
    from wxgate.sinks.http import HttpSink  # noqa: PLC0415

    limits = _limits(settings)
    timeout = settings.dispatch.timeout
    sink = HttpSink([url], timeout=timeout, concurrency=limits.concurrency)
    return Place(name, sink, replace(limits, timeout=timeout + _CONNECT), settings.dispatch)


def _upstream(name: str, upstream: Upstream) -> Place:
    from wxgate.sinks.http import REACHED, HttpSink  # noqa: PLC0415 (as above)

    sink = HttpSink(
        [node.url for node in upstream.nodes],
        timeout=upstream.timeout,
        concurrency=upstream.concurrency,
        headers={name: value.reveal() for name, value in upstream.headers.items()},
        fleet=fleet(upstream),
        checks=_checks(upstream.health),
    )
    limits = Limits(
        queue=upstream.queue,
        concurrency=upstream.concurrency,
        # The sink ends an exchange by itself; before it may have sought a node that listens.
        timeout=upstream.timeout + _CONNECT * min(REACHED, len(upstream.nodes)),
        batch=upstream.batch,
        retry=_schedule(upstream.retry),
        breaker=_rules(upstream.breaker, upstream.timeout, upstream.concurrency),
    )
    return Place(name, sink, limits, upstream)


def fleet(upstream: Upstream) -> Fleet:
    """Make the nodes of an upstream, all of them well."""
    from wxgate.sinks.fleet import Fleet  # noqa: PLC0415 (as above)
    from wxgate.sinks.health import Policy  # noqa: PLC0415 (as above)

    health = upstream.health
    policy = Policy(
        failures=health.failures,
        eject=health.eject,
        eject_max=health.eject_max,
        most=health.most / 100,
        slow_start=health.slow_start,
        rise=health.rise,
        fall=health.fall,
    )
    names = [node.title for node in upstream.nodes]
    weights = [node.weight for node in upstream.nodes]
    return Fleet(names, weights, policy, upstream.spill, time.monotonic, random.random)


def _checks(health: Health) -> Checking | None:
    if health.path is None:
        return None
    from wxgate.sinks.checks import Schedule  # noqa: PLC0415 (as above)

    return Schedule(health.path, health.every, health.timeout)


def _stream(name: str, stream: Stream, where: RedisPlace | None, before: Place | None) -> Place:
    """Make a stream; ``before`` is what other settings made of it."""
    # Imported here: nobody else pays for it.
    from wxgate.redis.runner import Runner  # noqa: PLC0415
    from wxgate.sinks.stream import StreamSink  # noqa: PLC0415
    from wxgate.streams.keys import Root  # noqa: PLC0415

    if where is None:
        reason = "a stream is in a Redis, and none is named: set state.redis"
        raise UnfitError(reason)
    limits = Limits(
        queue=stream.queue,
        # One call at a time, which takes all that has gathered meanwhile.
        concurrency=1,
        timeout=stream.timeout,
        batch=stream.batch,
        retry=_schedule(stream.retry),
        breaker=_rules(stream.breaker, stream.timeout, 1),
    )
    sink = StreamSink(
        Root(where.prefix, name.partition(":")[2]),
        Runner(where, stream.timeout),
        partitions=stream.partitions,
        keep=stream.keep * 3600,
        memory=_memory(before, where),
    )
    return Place(name, sink, limits, (stream, where))


def _memory(before: Place | None, where: RedisPlace) -> Memory | None:
    """Find what was appended there before, if it was there."""
    from wxgate.sinks.stream import StreamSink  # noqa: PLC0415 (as above)

    match before:
        case Place(sink=StreamSink(memory=memory), spec=(_, RedisPlace(url=url, prefix=prefix))):
            return memory if (url, prefix) == (where.url, where.prefix) else None
    return None


def _limits(settings: Settings) -> Limits:
    """Return the limits of what is no upstream."""
    table = settings.dispatch
    return Limits(
        queue=table.queue,
        concurrency=table.concurrency,
        timeout=table.timeout,
        retry=_schedule(table.retry),
        breaker=_rules(table.breaker, table.timeout, table.concurrency),
    )


def _schedule(retry: Retry) -> Schedule:
    return msgspec.convert(retry, Schedule, from_attributes=True)


def _rules(breaker: Breaker, timeout: float, concurrency: int) -> Rules:
    return Rules(
        window=breaker.window,
        calls=breaker.calls,
        errors=breaker.errors,
        slow=breaker.slow,
        slow_after=timeout * _SLOW if breaker.slow_after is None else breaker.slow_after,
        in_a_row=breaker.in_a_row,
        probes=breaker.probes,
        patience=_PATIENCE * timeout,
        full=concurrency,
    )


def _name(function: Any) -> str:  # noqa: ANN401 (anything that can be called)
    kind = type(function)
    name = getattr(function, "__qualname__", kind.__qualname__)
    return f"python:{getattr(function, '__module__', kind.__module__)}.{name}"


def _free(name: str, taken: dict[str, Place]) -> str:
    """Return a name that the journal can tell from the others."""
    count = 1
    free = name
    while free in taken:
        count += 1
        free = f"{name}#{count}"
    return free
