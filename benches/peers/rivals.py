"""All that take part."""

from __future__ import annotations

import platform
from typing import TYPE_CHECKING

import install
import ours
from contender import HERE, Contender, Installed

if TYPE_CHECKING:
    from collections.abc import Callable

    from contender import Place

OURS = Contender("wxgate", "wxgate", ours.shared, role="wxgate", local=True)
"""What everything else is measured beside."""


def _fastapi() -> Installed:
    folder, versions = install.environment("fastapi")
    uvicorn = [str(folder / "bin/uvicorn"), "--no-access-log", "--log-level", "warning"]

    def command(place: Place) -> list[str]:
        return [*uvicorn, "--port", str(place.port), "app:app"]

    return _python(folder.name, command, versions)


def _flask() -> Installed:
    folder, versions = install.environment("flask")
    # Threads, since a worker that is `sync` would close every connection.
    threads = ["--worker-class", "gthread", "--threads", "16", "--log-level", "warning"]

    def command(place: Place) -> list[str]:
        at = f"127.0.0.1:{place.port}"
        return [str(folder / "bin/gunicorn"), *threads, "--bind", at, "app:app"]

    return _python(folder.name, command, versions)


def _go(key: str) -> Callable[[], Installed]:
    def found() -> Installed:
        program, versions = install.go(key)
        return Installed(lambda _: [str(program)], versions)

    return found


def _node(key: str) -> Callable[[], Installed]:
    def found() -> Installed:
        modules, versions = install.node(key)
        script = str(HERE / key / "server.js")
        environment = {"NODE_PATH": str(modules), "NODE_ENV": "production"}
        return Installed(lambda _: ["node", script], versions, environment)

    return found


def _spring(profile: str | None = None) -> Callable[[], Installed]:
    def found() -> Installed:
        jar, versions = install.maven("spring", profile)
        quiet = "--logging.level.root=ERROR"

        def command(place: Place) -> list[str]:
            at = ["--server.address=127.0.0.1", f"--server.port={place.port}"]
            return ["java", "-jar", str(jar), *at, quiet]

        return Installed(command, versions)

    return found


def _hyper() -> Installed:
    program, versions = install.cargo("hyper")
    return Installed(lambda _: [str(program)], versions)


def _nginx() -> Installed:
    program = str(install.debian("nginx", "usr/sbin/nginx"))
    said = install.run([program, "-v"], HERE)
    text = (HERE / "nginx/nginx.conf").read_text()

    def command(place: Place) -> list[str]:
        (place.folder / "nginx.conf").write_text(text.replace("PORT", str(place.port)))
        return [program, "-p", str(place.folder), "-e", "stderr", "-c", "nginx.conf"]

    return Installed(command, {"nginx": said.strip().rpartition("/")[2]})


def _python(
    name: str, command: Callable[[Place], list[str]], versions: dict[str, str]
) -> Installed:
    python = {"Python": platform.python_version()}
    return Installed(command, python | versions, {"PYTHONPATH": str(HERE / name)})


ALL = (
    Contender(
        "embedded", "wxgate, claims in its process", ours.embedded, role="wxgate", local=True
    ),
    Contender("fastapi", "FastAPI, uvicorn, wechatpy, redis-py", _fastapi),
    Contender("flask", "Flask, gunicorn, WeRoBot, redis-py", _flask),
    Contender("go-silenceper", "Go, silenceper/wechat, go-redis", _go("go-silenceper")),
    Contender("go-powerwechat", "Go, PowerWeChat, go-redis", _go("go-powerwechat")),
    Contender("node-co-wechat", "Node, Koa, co-wechat, ioredis", _node("node-co-wechat")),
    Contender("node-easywechat", "Node, node-easywechat, ioredis", _node("node-easywechat")),
    Contender("spring", "Spring Boot, the JDK's own crypto and XML, Jedis", _spring()),
    Contender("spring-wxjava", "Spring Boot, WxJava, Jedis", _spring("wxjava")),
    Contender("nginx", "nginx, `return 200`", _nginx, role="limit"),
    Contender("hyper", "hyper, empty", _hyper, role="limit"),
    Contender(
        "granian-rsgi",
        "granian RSGI, empty",
        ours.empty("rsgi"),
        role="limit",
        local=True,
    ),
    Contender(
        "granian-asgi",
        "granian ASGI, empty",
        ours.empty("asginl"),
        role="limit",
        local=True,
    ),
)
