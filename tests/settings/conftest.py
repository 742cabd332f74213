"""What the tests of the configuration need: a folder, an environment, and a way to load."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from wxgate.errors import ConfigError
from wxgate.settings import Problem, Settings, load
from wxgate.settings.template import template

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import TypeAlias

    Load: TypeAlias = Callable[..., Settings]
    Find: TypeAlias = Callable[..., dict[str, Problem]]

ENVIRON = {
    "TOKEN": "QDG6eK",
    "AES_KEY": "jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C",
    "OLD_AES_KEY": "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG",
    "APIV3_KEY": "0123456789abcdef0123456789ABCDEF",
    "JOURNAL_KEY": "00112233445566778899aabbccddeeff" * 2,
    "KEY": "192006250b4c09247ec02edce69f6a2d",
}
PEM = "-----BEGIN PUBLIC KEY-----\nMIIBIjANBgkq\nhkiG9w0B+/8=\n-----END PUBLIC KEY-----\n"
SHOP = """
[account.shop]
kind = "official"
appid = "wx0123456789abcdef"
token = "env:TOKEN"
aes_key = "env:AES_KEY"
"""

HIDDEN = re.compile(r"^# (?=\[|[a-z_.0-9]+ = )", re.MULTILINE)


@pytest.fixture
def everything(tmp_path: Path) -> tuple[str, dict[str, str]]:
    """Return the template with nothing commented out, and the environment that it needs."""
    text = HIDDEN.sub("", template())
    for name in re.findall(r"file:([\w.]+)", text):
        (tmp_path / name).write_text(PEM)
    kinds = ("APIV3_KEY", "JOURNAL_KEY", "AES_KEY", "TOKEN", "")
    names = re.findall(r"env:(\w+)", text)
    kind = {name: next(kind for kind in kinds if name.endswith(kind)) for name in names}
    return text, {name: ENVIRON[kind[name] or "KEY"] for name in names}


@pytest.fixture
def shop() -> str:
    """Return the smallest account that works."""
    return SHOP


@pytest.fixture
def settings_of(tmp_path: Path) -> Load:
    """Return a loader; `pub_key.pem` lies beside the file."""
    (tmp_path / "pub_key.pem").write_text(PEM)

    def loader(text: str, **environ: str) -> Settings:
        path = tmp_path / "wxgate.toml"
        path.write_text(text, encoding="utf-8")
        return load(path, ENVIRON | environ)

    return loader


@pytest.fixture
def problems_of(settings_of: Load) -> Find:
    """Return a loader for what must not load."""

    def finder(text: str, **environ: str) -> dict[str, Problem]:
        with pytest.raises(ConfigError) as caught:
            settings_of(text, **environ)
        found = {problem.path: problem for problem in caught.value.problems}
        assert len(found) == len(caught.value.problems)
        return found

    return finder
