"""Why a rival of the benches is absent: said in one line that is true on any machine."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

PEERS = Path(__file__).parents[2] / "benches/peers"


@pytest.fixture(scope="module")
def install() -> Iterator[Any]:
    """How rivals get here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(PEERS))
        yield importlib.import_module("install")


GO = """\
go: downloading example.com/errors v1.0.0
/far/away/shop@v1.0.0/app.go:7:2: far@v3.0.8: verifying module: \
reading https://proxy.example/sumdb/sum.example/lookup/far@v3.0.8: 404 Not Found
"""
MAVEN = """\
\x1b[1m[ERROR] Could not find artifact far:jar:4.8.0 in central (https://a.example/m2) -> [Help 1]
[ERROR] Re-run with -e
"""


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (GO, "sh: far@v3.0.8: verifying module: reading the checksum database: 404 Not Found"),
        (MAVEN, "sh: Could not find artifact far:jar:4.8.0 in central (…"),
    ],
    ids=["go", "maven"],
)
def test_a_build_that_fails_names_its_reason(
    install: Any, tmp_path: Path, said: str, reason: str
) -> None:
    """Neither where this machine keeps things nor where it fetches them from."""
    (tmp_path / "said").write_text(said)
    with pytest.raises(importlib.import_module("contender").AbsentError) as absent:
        install.run(["sh", "-c", "cat said; exit 1"], tmp_path)
    assert str(absent.value) == reason
