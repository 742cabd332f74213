"""Write the pages that are made from the code, or with --check see that they are up to date.

To add one: a function that returns the page's text, and its line in PAGES.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import capacity
from wxgate.settings.reference import reference

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[1]

REJECTIONS = """\
<!-- Made by `make docs` from the table in crates/wxcore/src/reject.rs. -->

# Why a request is refused

What a stranger sees is the status and nothing else; the code is for logs and metrics. Codes are
never renamed. *Blame* says whose doing it is: of the sender (`peer`), of the account's
configuration (`tenant`), of a destination (`sink`), of wxgate itself (`internal`). 5xx asks the
sender to try again.

| code | status | blame | meaning |
|---|---|---|---|
"""


def rejections() -> str:
    """The closed list of rejections, from the one table that the code itself is made from."""
    source = (ROOT / "crates/wxcore/src/reject.rs").read_text()
    table = source.split("\nrejects! {\n", maxsplit=1)[1].split("\n}\n", maxsplit=1)[0]
    entry = re.compile(r'((?:\s*///[^\n]*\n)+)\s*\w+ = (\w+)\."(\w+)", (\w+), (\d+);')
    rows = [
        f"| `{stage.lower()}.{reason}` | {status} | {blame.lower()} | {_joined(doc)} |"
        for doc, stage, reason, blame, status in entry.findall(table)
    ]
    if len(rows) != table.count(";\n") + 1:
        sys.exit("reject.rs has an entry that tools/pages.py does not read")
    return REJECTIONS + "\n".join(rows) + "\n"


PAGES: dict[str, Callable[[], str]] = {
    "docs/capacity.md": capacity.page,
    "docs/configuration.md": reference,
    "docs/reference/rejections.md": rejections,
}


def _joined(doc: str) -> str:
    return " ".join(line.strip().removeprefix("///").strip() for line in doc.strip().splitlines())


def main() -> int:
    """Write every page; with --check write none and fail if one differs."""
    stale = []
    for name, text in PAGES.items():
        page, made = ROOT / name, text()
        if page.is_file() and page.read_text() == made:
            continue
        stale.append(name)
        if "--check" not in sys.argv:
            page.parent.mkdir(parents=True, exist_ok=True)
            page.write_text(made)
            print(f"wrote {name}")
    if stale and "--check" in sys.argv:
        print(f"not what the code says, run `make docs`: {', '.join(stale)}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
