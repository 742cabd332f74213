"""What WeCom's AI bots (智能机器人) are sent: JSON in lower case."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wxgate.sim import invent

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wxgate.sim.push.messages import Build
    from wxgate.sim.push.scene import Scene


def text(scene: Scene, what: str | None) -> dict[str, Any]:
    """Text; `what` is the text."""
    return _message(scene, "text", {"content": what or invent.text()})


def image(scene: Scene, what: str | None) -> dict[str, Any]:
    """A picture; `what` is its address."""
    return _message(scene, "image", {"url": what or "https://example.com/encrypted.png"})


def voice(scene: Scene, what: str | None) -> dict[str, Any]:
    """Speech, recognised; `what` is the text."""
    return _message(scene, "voice", {"content": what or invent.text()})


def event(scene: Scene, what: str | None) -> dict[str, Any]:
    """An event; `what` is its name, and `enter_chat` if nothing is said."""
    return _message(scene, "event", {"eventtype": what or "enter_chat"}) | {
        "create_time": scene.now
    }


def _message(scene: Scene, msg_type: str, content: dict[str, Any]) -> dict[str, Any]:
    return {
        "msgid": invent.alphanumeric(32),
        "aibotid": scene.own,
        "chattype": "single",
        "from": {"userid": scene.user},
        "response_url": "https://qyapi.weixin.qq.com/cgi-bin/aibot/response?response_code=0",
        "msgtype": msg_type,
        msg_type: content,
    }


ROBOT: Mapping[str, Build] = {"text": text, "image": image, "voice": voice, "event": event}
