"""Fields written as WeChat writes them, and read back by the core's own reader."""

from __future__ import annotations

import pytest
from wxcore import Rejected
from wxgate.sim.message import override
from wxgate.sim.written import json, read, xml


def test_text_is_cdata_and_numbers_are_bare() -> None:
    """As in every sample of WeChat's pages."""
    fields = {"A": "你好", "B": 1, "C": {"D": ""}, "E": ["1", "2"]}
    assert xml(fields).decode() == (
        "<xml><A><![CDATA[你好]]></A><B>1</B><C><D><![CDATA[]]></D></C>"
        "<E><![CDATA[1]]></E><E><![CDATA[2]]></E></xml>"
    )
    assert json(fields).decode() == '{"A":"你好","B":1,"C":{"D":""},"E":["1","2"]}'


@pytest.mark.parametrize("text", ["]]>", "a]]]]>b", "<&>\"'", "👍🏽", "]]", ">"])
def test_what_is_written_is_read(text: str) -> None:
    """Also what would end a CDATA section."""
    fields = {"A": text, "B": {"C": text}}
    assert read(xml(fields)) == fields
    assert read(json(fields)) == fields


def test_what_is_neither_is_refused() -> None:
    """By the core, which reads strictly."""
    for bad in (b"success", b"<xml>", b"<!DOCTYPE a><xml/>", b"\xff"):
        with pytest.raises(Rejected):
            read(bad)


def test_overriding_reaches_into_tables_and_keeps_the_original() -> None:
    """Numbers stay numbers where they can."""
    before = {"a": 1, "b": {"c": 2, "d": "x"}}
    changes = [("a", "5"), ("b.c", "-7"), ("b.d", "9"), ("b.e", "new"), ("f.g", "flat")]
    after = override(before, changes)
    assert after == {"a": 5, "b": {"c": -7, "d": "9", "e": "new"}, "f.g": "flat"}
    assert before == {"a": 1, "b": {"c": 2, "d": "x"}}
    assert override(before, [("a", "many")])["a"] == "many"
