"""A service behind wxgate, with nothing but Python's standard library: `python service.py`.

It takes CloudEvents, has each message once although a message can come several times, and
answers some. What it remembers is in memory: a real one keeps ids and work in one transaction.
"""

# ruff: noqa: INP001, T201 (a script, which prints)
from __future__ import annotations

import json
import sys
from collections import OrderedDict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock
from typing import Any

REMEMBERED = 100_000
"""Ids. Enough for the minute in which WeChat repeats a message; for Pay it has to be a day."""


class Orders:
    """The work itself, once for each id."""

    def __init__(self) -> None:
        """Start with nothing done."""
        self._answers: OrderedDict[str, bytes] = OrderedDict()
        self._lock = Lock()

    def take(self, event: dict[str, Any]) -> bytes:
        """Return the answer to an event; a repeated one gets the answer of the first."""
        with self._lock:
            if event["id"] not in self._answers:
                self._answers[event["id"]] = self._work(event)
            if len(self._answers) > REMEMBERED:
                self._answers.popitem(last=False)
            return self._answers[event["id"]]

    def _work(self, event: dict[str, Any]) -> bytes:
        content = event["data"].get("Content", "")
        print(event["type"], event.get("subject", "-"), content, flush=True)
        if event["type"].endswith(".text"):
            return json.dumps({"type": "text", "content": f"收到 {content}"}).encode()
        return b""


class Handler(BaseHTTPRequestHandler):
    """One POST for each message: 2xx says that it is taken."""

    protocol_version = "HTTP/1.1"  # keep the gateway's connections open
    orders = Orders()

    def do_POST(self) -> None:
        """Take a message and say what the user is told, if anything."""
        event = json.loads(self.rfile.read(int(self.headers["content-length"])))
        answer = self.orders.take(event)
        self.send_response_only(200)  # without a line in the log
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)


if __name__ == "__main__":
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 9001
    ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()
