"""Look for what keeps WeChat's calls from arriving, and name the setting to change."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

import msgspec

from wxgate.cli import options
from wxgate.doctor import examine
from wxgate.settings import load

if TYPE_CHECKING:
    import argparse


def add(commands: options.Commands) -> None:
    """Describe the arguments."""
    parser = commands.add_parser("doctor", description=__doc__)
    options.config(parser)
    options.as_json(parser)


def run(args: argparse.Namespace) -> int:
    """Print a line for each thing looked at; return 1 if one of them fails."""
    findings = examine(load(args.config), int(time.time()))
    if args.json:
        sys.stdout.write(f"{msgspec.json.format(msgspec.json.encode(findings)).decode()}\n")
    else:
        width = max(len(finding.subject) for finding in findings)
        sys.stdout.writelines(f"{finding.line(width)}\n" for finding in findings)
    return int(any(finding.verdict == "fail" for finding in findings))
