"""The results as a page, and the headline for the README."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from figures import Row, short
from wechat import LONG, TEXT, push

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from figures import Processes

_ROOT = Path(__file__).parents[1]
_LOG = "wxgate, to `log:`"
_HANDLER = "wxgate, to a Python handler"
_HTTP = "wxgate, to an HTTP service"
_EMPTY = "granian RSGI, empty"
_FASTAPI = "FastAPI, uvicorn, wechatpy"
_SIZES = ("325 B", "6 KB")
_STAGES = (
    *("sha1", "base64", "aes", "xml", "json"),
    *("request", "verify", "open", "parse", "route", "reply", "pay", "gateway"),
)
_VERSIONS = (
    "granian",
    "uvloop",
    "wechatpy",
    "wechatpayv3",
    "cryptography",
    "xmltodict",
)

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
- *Primitives alone* are SHA-1, base64 and AES of the same bytes, by the functions that the core
  itself calls; *read* is verify, open and parse; *receive* goes on to the identity, the route and
  the event.
- **325 B** is a text message, a short question in Chinese, XML. **6 KB** is a text message too, a
  list of orders with complaints, {ascii:.0%} of its characters ASCII, longer than most that WeChat
  sends. Both lie in `benches/messages`. In safe mode, as here, their requests have bodies of
  {short_body:,} and {long_body:,} bytes.
- *CPU a message* is `utime` + `stime` of the server's processes over a round, through a closed loop
  of {connections} kept-alive connections, one message after the other on each. Every message has an
  id of its own. The client runs in a process of its own, and its cost is in no figure.
- *Memory* is of the worker that answers, from `smaps_rollup`: RSS counts shared pages in full, PSS
  by share. MB are millions of bytes.
- *Start* runs from the start of the process until the first message is acknowledged; where an HTTP
  service is the destination, it has the message by then.
"""


@dataclass(frozen=True, slots=True)
class Results:
    """All that was measured."""

    core: dict[str, Row]
    python: dict[tuple[str, str], Row]
    processes: Processes
    when: str
    commit: str
    rust: str
    load: float
    """Of the machine, before any of it began."""


def page(results: Results) -> str:
    """The whole of ``RESULTS.md``."""
    processes = results.processes
    sections = [
        _HEAD + _machine(results),
        "## Targets\n\n" + _targets(results),
        "## In Python, beside what teams use\n\n" + _python(results.python),
        "## Whole processes\n\n" + _processes(processes),
        "## Stages in Rust\n\n" + _core(results.core),
        "## How it is measured\n\n" + _method(processes),
    ]
    return "\n".join(sections)


def headline(results: Results) -> str:
    """What the README shows."""
    python, processes = results.python, results.processes
    rows = []
    for what, group, other in (
        ("verify, decrypt and parse a message of 325 B", "Envelope.open, 325 B", "wechatpy"),
        ("the same, 6 KB", "Envelope.open, 6 KB", "wechatpy"),
        ("verify and open a payment notice", "PayVerifier.open", "wechatpayv3"),
    ):
        rows.append((what, *_beside(python[group, "wxcore"], python[group, other], other, "µs")))
    stack = "FastAPI + uvicorn + wechatpy¹"
    for what, name in (
        ("a message through `wxgate serve` to a Python handler, CPU", _HANDLER),
        ("the same, delivered to an HTTP service", _HTTP),
    ):
        ours, rival = processes.cpu[name], processes.cpu.get(_FASTAPI)
        rows.append((what, *_beside(ours, rival, stack, "µs")))
    what = "start, until the first message is delivered"
    start, rival = processes.starts[_HTTP], processes.starts.get(_FASTAPI)
    rows.append((what, *_beside(start, rival, stack, "ms")))
    what = f"memory of a worker after {processes.messages:,} messages (RSS)"
    memory, rival = _resident(processes, _HTTP), None
    if _FASTAPI in processes.cpu:
        rival = _resident(processes, _FASTAPI)
    rows.append((what, *_beside(memory, rival, stack, "MB")))
    table = _table(("", "wxgate", "beside it", "ratio"), rows)
    return (
        f"{table}\n¹ verifies, decrypts and parses; it delivers to nobody. Measured on {_cpu()}, "
        f"{os.cpu_count()} cores, by `make bench`; every figure, its spread and the targets that "
        "are missed: [benches/RESULTS.md](benches/RESULTS.md).\n"
    )


def _beside(ours: Row, rival: Row | None, name: str, unit: str) -> tuple[str, str, str]:
    own = f"{short(ours.median)} {unit}"
    if rival is None:
        return own, "–", "–"
    ratio = rival.over(ours).median
    return own, f"{short(rival.median)} {unit}, {name}", f"{short(ratio)}×"


def _machine(results: Results) -> str:
    versions = ", ".join(f"{name} {version(name)}" for name in _VERSIONS)
    peers = [
        line.replace("==", " ")
        for line in (_ROOT / "benches/process/peers.txt").read_text().splitlines()
        if not line.startswith("#")
    ]
    absent = results.processes.absent
    elsewhere = f"absent ({absent})" if absent else ", ".join(peers)
    rows = [
        ("day", results.when),
        ("wxgate", f"{version('wxgate')}, commit {results.commit}"),
        ("CPU", f"{_cpu()}, {os.cpu_count()} cores"),
        ("load before", f"{results.load:.2f}"),
        ("kernel", f"{platform.system()} {platform.release()}"),
        ("Python", platform.python_version()),
        ("Rust", results.rust),
        ("beside wxgate", versions),
        ("FastAPI's environment", elsewhere),
        ("commands", "`make bench`; `make bench-quick` takes a minute and writes nothing"),
    ]
    return _table(("", ""), rows)


def _targets(results: Results) -> str:
    core, python, processes = results.core, results.python, results.processes
    rows = []
    for size in _SIZES:
        group = f"Envelope.open, {size}"
        ratio = python[group, "wechatpy"].over(python[group, "wxcore"])
        rows.append(_at_least(f"`Envelope.open`, {size}, against wechatpy", ratio, 15, "×"))
    for step, name in (("read", "verify, open and parse"), ("receive", "`Gateway::receive`")):
        for size in _SIZES:
            ratio = core[f"gateway/primitives alone, {size}"].over(core[f"gateway/{step}, {size}"])
            rows.append(
                _at_least(f"{name} in Rust, {size}, of its primitives' speed", ratio, 0.5, "")
            )
    ratio = core["pay/rival/RSA-2048 of aws-lc-rs alone"].over(core["pay/verify"])
    rows.append(_at_least("Pay v3's verification in Rust, of RSA's speed alone", ratio, 0.85, ""))
    rows += [_below(f"start: {name}", processes.starts[name], 300, "ms") for name in (_LOG, _HTTP)]
    for name in (_LOG, _HANDLER, _HTTP):
        row = _resident(processes, name)
        what = f"RSS after {processes.messages:,} messages: {name}"
        rows.append(_below(what, row, 45, "MB"))
    return _table(("what", "target", "measured", ""), rows)


def _at_least(what: str, row: Row, target: float, unit: str) -> tuple[str, str, str, str]:
    return what, f"≥ {target:g}{unit}", row.text() + unit, _verdict(met=row.median >= target)


def _below(what: str, row: Row, target: float, unit: str) -> tuple[str, str, str, str]:
    return what, f"< {target:g} {unit}", f"{row.text()} {unit}", _verdict(met=row.median < target)


def _verdict(*, met: bool) -> str:
    return "met" if met else "**not met**"


def _python(python: dict[tuple[str, str], Row]) -> str:
    rows = []
    for (group, by), row in python.items():
        if by != "wxcore":
            continue
        name, comma, rest = group.partition(",")
        what = f"`{name}`{comma}{rest}"
        rivals = [other for measured, other in python if measured == group and other != by]
        for other in rivals:
            rival = python[group, other]
            rows.append((what, row.text(), other, rival.text(), rival.over(row).text()))
        if not rivals:
            rows.append((what, row.text(), "–", "–", "–"))
    return _table(("µs", "wxgate", "rival", "its µs", "ratio"), rows)


def _processes(processes: Processes) -> str:
    empty = processes.cpu[_EMPTY]
    cpu = [(name, row.text(), row.over(empty).text()) for name, row in processes.cpu.items()]
    starts = [("a bare interpreter, start to end", processes.bare.text())]
    starts += [(name, row.text()) for name, row in processes.starts.items()]
    memory = []
    for name in processes.cpu:
        for when, seen in processes.memory(name).items():
            sizes = (seen["rss"], seen["pss"], seen["all processes"])
            memory.append((name, when, *(short(size) for size in sizes)))
    imports = ", ".join(
        f"{name} {short(cost)}" for name, cost in processes.imports.items() if name != "all"
    )
    note = f"FastAPI's row is absent: {processes.absent}.\n\n" if processes.absent else ""
    return (
        f"{note}CPU a message of 325 B, {processes.messages:,} in a round:\n\n"
        + _table(("µs", "CPU a message", "times the empty RSGI application"), cpu)
        + "\nThe empty applications read the body and answer `success`. FastAPI's verifies, "
        "decrypts and parses; it routes nothing and delivers to nobody.\n\nStart:\n\n"
        + _table(("ms", "to the first acknowledged message"), starts)
        + f"\nImports of `{_HTTP}`, by package, under Python's own import timer, which makes them "
        f"slower: {short(processes.imports['all'])} ms in all; {imports} ms.\n\nMemory:\n\n"
        + _table(("MB", "after", "RSS", "PSS", "PSS with the parent"), memory)
    )


def _core(core: dict[str, Row]) -> str:
    names = sorted(core, key=lambda name: (_STAGES.index(name.partition("/")[0]), name))
    return _table(("µs", "median"), ((name, core[name].text()) for name in names))


def _method(processes: Processes) -> str:
    text = LONG.decode()
    return _METHOD.format(
        connections=processes.raw["load"]["connections"],
        ascii=sum(map(str.isascii, text)) / len(text),
        short_body=len(push(TEXT).body),
        long_body=len(push(LONG).body),
    )


def _resident(processes: Processes, server: str) -> Row:
    return Row((processes.memory(server)[f"{processes.messages} messages"]["rss"],))


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    def lines() -> Iterator[str]:
        yield f"| {' | '.join(head)} |"
        yield "|---" * len(head) + "|"
        for row in rows:
            yield f"| {' | '.join(row)} |"

    return "\n".join(lines()) + "\n"


def _cpu() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
