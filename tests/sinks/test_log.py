"""The log as a destination: the record is the one that ``logging`` itself would have made."""

from __future__ import annotations

import asyncio
import logging
import time

import pytest
from wxgate.serve import _LOG_FORMAT, _Lines
from wxgate.sinks.log import LogSink

EVENT = b'{"id":"shop:1","source":"/wxgate/shop","type":"wechat.official.text","data":"sentinel"}'


def test_a_record_is_what_info_would_have_made(caplog: pytest.LogCaptureFixture) -> None:
    """Name, level, text, time, thread and process; not where in the source it was made."""
    caplog.set_level(logging.INFO)
    sink, before = LogSink(), time.time()
    asyncio.run(sink.deliver(EVENT, ()))
    text = "/wxgate/shop wechat.official.text shop:1"
    logging.getLogger("wxgate.log").info(text)
    ours, theirs = caplog.records
    differs = {"created", "msecs", "relativeCreated", "lineno", "funcName", "pathname"}
    differs |= {"filename", "module", "asctime"}
    assert ours.__dict__.keys() == theirs.__dict__.keys()
    for name in ours.__dict__.keys() - differs:
        assert ours.__dict__[name] == theirs.__dict__[name], name
    assert ours.getMessage() == text
    assert before <= ours.created <= theirs.created
    assert ours.relativeCreated == pytest.approx(theirs.relativeCreated, abs=1000)
    assert ours.msecs == int(ours.created * 1000) % 1000


def test_two_records_are_two(caplog: pytest.LogCaptureFixture) -> None:
    """Handlers may keep them."""
    caplog.set_level(logging.INFO)
    sink = LogSink()
    asyncio.run(sink.deliver(EVENT, ()))
    asyncio.run(sink.deliver(EVENT.replace(b"shop:1", b"shop:2"), ()))
    assert [record.getMessage()[-6:] for record in caplog.records] == ["shop:1", "shop:2"]


def test_nothing_is_logged_below_the_level(caplog: pytest.LogCaptureFixture) -> None:
    """The event is taken all the same."""
    caplog.set_level(logging.WARNING)
    caplog.handler.setLevel(logging.NOTSET)  # the logger's level counts, whatever handlers take
    assert asyncio.run(LogSink().deliver(EVENT, ())) == b""
    assert not caplog.records


def test_lines_are_written_as_logging_writes_them() -> None:
    """Within a second, over its end, and back again."""
    ours, theirs = _Lines(_LOG_FORMAT), logging.Formatter(_LOG_FORMAT)
    for created in (1.0, 1.25, 1.999, 2.0, 86_400.5, 1.0):
        record = logging.LogRecord("wxgate.log", logging.INFO, "", 0, "text", (), None)
        record.created, record.msecs = created, float(int(created * 1000) % 1000)
        assert ours.format(record) == theirs.format(record)
