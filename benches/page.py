"""The results as a page."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from carry.page import added, carried, growth
from day.page import section as day
from flame.page import section as profile
from fleet.page import section as fleets
from kept import block
from limit import section as limit
from machine import machine
from micro import boundary, exact, stages
from peers.page import section as peers
from process.page import backlog, overload, state, whole
from targets import targets
from wechat import LONG, TEXT, push

if TYPE_CHECKING:
    from figures import Processes
    from results import Results

_HEAD = """\
# Results

Written by `make bench`; do not edit. Numbers of one machine on one day: compare the ratios, which
were taken within one run, rather than the microseconds.

"""
_METHOD = """\
- Every bench asserts its answer before it is timed, and the servers' client checks each answer.
- Rivals run in the same run, on the same bytes, in rounds: each of them once, then all again. A
  ratio is taken within a round; shown is the median over the rounds, in brackets the lowest and the
  highest.
- `Envelope.open` verifies, decrypts and parses; further rows then read the message's text, the
  sender and the type, or all fields. wechatpy makes a `str` of every field in each of them,
  wxcore of those that are read. CPython needs 3 µs to make one of the text of 6 KB.
- *Primitives alone* are SHA-1, base64 and AES of the same bytes, by the functions that the core
  itself calls; *read* is verify, open and parse; *receive* goes on to the identity, the route and
  the event.
- **325 B** is a text message, a short question in Chinese, XML. **6 KB** is a text message too, a
  list of orders with complaints, {ascii:.0%} of its characters ASCII, longer than most that WeChat
  sends. Both lie in `benches/messages`. In safe mode, as here, their requests have bodies of
  {short_body:,} and {long_body:,} bytes.
- *CPU a message* is what the server's processes had of the processors over a round, to the
  nanosecond, through a closed loop of {connections} kept-alive connections, one message after the
  other on each. Every message has an id of its own. The client runs in a process of its own, and
  its cost is in no figure.
- *Memory* is of the worker that answers, from `smaps_rollup`: RSS counts shared pages in full, PSS
  by share. MB are millions of bytes.
- *Start* runs from the start of the process until the first message is acknowledged; where an HTTP
  service is the destination, it has the message by then.
"""
_JOURNAL = """\
Groups of records of 1 KB, each with a sync of its own, one waiting while the one before it is on
its way; they are delivered as they come, so that segments are used again. The disk's own rate is
that of one write and one `fdatasync` after another into a file that was filled with zeros, measured
in turn with the journal's in the same run; *of the disk* is the median of the pairs' ratios.

"""


def page(results: Results) -> str:
    """The whole of ``RESULTS.md``."""
    processes = results.processes
    sections = [
        _HEAD + machine(results),
        "## Targets\n\n" + targets(results),
        "## In Python, beside what teams use\n\n" + boundary(results.python),
        "## Rings and limits, as exact as they can be\n\n" + exact(results),
        "## Peers, doing the same work\n\n"
        + peers(results.peers)
        + _picture("peers", "CPU a message, wxgate and others"),
        "## What it carries\n\n"
        + carried(results.carry, os.cpu_count() or 1)
        + _picture("throughput", "latency by messages a second, to a service and to a stream")
        + _picture("latency", "percentiles of latency at the rates of a day"),
        "## A whole day of twenty million\n\n" + block("day", day(results.apart.get("day"))),
        "## Where a message's CPU goes\n\n"
        + block("profile", profile(results.apart.get("profile"))),
        "## The limit\n\n" + limit(results),
        "## How the cost of a message grows\n\n"
        + growth(results.carry["growth"], processes.backlog)
        + _picture("growth", "CPU a message by accounts, routes, size, workers and backlog"),
        "## Whole processes\n\n"
        + whole(processes)
        + _picture("stages", "CPU a message by part, and by thread as the profile has it"),
        "## A destination that is dead, then back\n\n" + backlog(processes.backlog),
        "## Claims that machines share\n\n"
        + state(processes.state)
        + "\n"
        + added(results.carry.get("added")),
        "## More than it can take\n\n" + overload(processes.overload),
        "## Fleets at their size\n\n" + fleets(results.fleet),
        "## The journal, beside its disk\n\n" + _JOURNAL + results.journal,
        "## Stages in Rust\n\n" + stages(results.core),
        "## How it is measured\n\n" + _method(processes),
    ]
    return "\n".join(sections)


def _method(processes: Processes) -> str:
    text = LONG.decode()
    return _METHOD.format(
        connections=processes.raw["load"]["connections"],
        ascii=sum(map(str.isascii, text)) / len(text),
        short_body=len(push(TEXT).body),
        long_body=len(push(LONG).body),
    )


def _picture(name: str, what: str) -> str:
    return f"\n![{what}](plots/{name}.svg)\n"
