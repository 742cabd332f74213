"""The paths under which problems name a setting, such as `account.shop.aes_key[1]`."""

from __future__ import annotations

import json
import re

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_NOT_IN_A_VARIABLE = re.compile(r"[^A-Za-z0-9]+")
_INDEX = re.compile(r"\[\d+\]")


def join(parent: str, key: str) -> str:
    """Return the path of `key` below `parent`, quoted where TOML would quote it."""
    name = key if _BARE.fullmatch(key) else json.dumps(key, ensure_ascii=False)
    return f"{parent}.{name}" if parent else name


def variable(path: str) -> str:
    """Return a good environment variable for the secret at `path`: `SHOP_AES_KEY`."""
    _, _, rest = _INDEX.sub("", path).partition(".")
    return _NOT_IN_A_VARIABLE.sub("_", rest).strip("_").upper() or "SECRET"
