"""What users send: the six kinds of message, and a mini program's card."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wxgate.sim import invent

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from wxgate.sim.push.scene import Scene

    Build = Callable[[Scene, str | None], dict[str, Any]]
    """From who takes part, and what the caller asked for, to the fields."""

_PICTURE = "http://mmbiz.qpic.cn/mmbiz_jpg/"


def text(scene: Scene, what: str | None) -> dict[str, Any]:
    """Text; `what` is the text."""
    return scene.message("text", Content=what or invent.text())


def image(scene: Scene, what: str | None) -> dict[str, Any]:
    """A picture; `what` is its address."""
    url = what or f"{_PICTURE}{invent.alphanumeric(32)}/0"
    return scene.message("image", PicUrl=url, MediaId=invent.media_id())


def voice(scene: Scene, what: str | None) -> dict[str, Any]:
    """Speech; `what` was recognised in it."""
    media, wide = invent.media_id(), invent.media_id()
    return scene.message(
        "voice", MediaId=media, Format="amr", MediaId16K=wide, Recognition=what or ""
    )


def video(scene: Scene, what: str | None) -> dict[str, Any]:
    """A video; `what` is its media id."""
    media = what or invent.media_id()
    return scene.message("video", MediaId=media, ThumbMediaId=invent.media_id())


def location(scene: Scene, what: str | None) -> dict[str, Any]:
    """A place; `what` is its name. WeChat writes coordinates as text."""
    label = what or "杭州市西湖区龙井路 1 号"
    return scene.message(
        "location", Location_X="30.259244", Location_Y="120.130742", Scale="16", Label=label
    )


def link(scene: Scene, what: str | None) -> dict[str, Any]:
    """A link; `what` is its address."""
    url = what or "https://mp.weixin.qq.com/s/mSN5W2wqN8c3iAJ2NLs3Kg"
    return scene.message("link", Title="秋季新品", Description="全场八折 & 包邮", Url=url)


def miniprogrampage(scene: Scene, what: str | None) -> dict[str, Any]:
    """A mini program's page, sent to its customer service; `what` is the page."""
    return scene.message(
        "miniprogrampage",
        Title="订单详情",
        AppId=invent.appid(),
        PagePath=what or "pages/order/detail?id=1024",
        ThumbUrl=f"{_PICTURE}{invent.alphanumeric(32)}/0",
        ThumbMediaId=invent.media_id(),
    )


MESSAGES: Mapping[str, Build] = {
    "text": text,
    "image": image,
    "voice": voice,
    "video": video,
    "location": location,
    "link": link,
}
