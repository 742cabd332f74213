"""Events: those with fields of their own by name, and any other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wxgate.sim import invent

if TYPE_CHECKING:
    from collections.abc import Callable

    from wxgate.sim.push.scene import Scene

_TEMPLATE = "VRR0UEO9VJOLs0MHlU0OilqX6MVFDwH3_3gz3Oc0NIc"


def _ticketed(key: str) -> dict[str, Any]:
    return {"EventKey": key, "Ticket": f"gQ{invent.alphanumeric(70)}"}


def _scanned(result: str) -> dict[str, Any]:
    return {
        "EventKey": "menu_scan",
        "ScanCodeInfo": {"ScanType": "qrcode", "ScanResult": result},
    }


def _pictures() -> dict[str, Any]:
    sums = [{"PicMd5Sum": invent.alphanumeric(32).lower()} for _ in range(2)]
    return {"EventKey": "menu_photo", "SendPicsInfo": {"Count": 2, "PicList": {"item": sums}}}


def _chosen_place() -> dict[str, Any]:
    place = {
        "Location_X": "30.259244",
        "Location_Y": "120.130742",
        "Scale": "16",
        "Label": "杭州市西湖区龙井路 1 号",
        "Poiname": "",
    }
    return {"EventKey": "menu_place", "SendLocationInfo": place}


def _subscribed(name: str, **more: str) -> dict[str, Any]:
    return {name: {"List": {"TemplateId": _TEMPLATE, **more}}}


def _media_check() -> dict[str, Any]:
    return {
        "appid": invent.appid(),
        "trace_id": f"60ae{invent.alphanumeric(28)}",
        "version": 2,
        "detail": {"strategy": "content_model", "errcode": 0, "suggest": "pass", "label": 100},
        "errcode": 0,
        "errmsg": "ok",
        "result": {"suggest": "pass", "label": 100},
    }


def _goods() -> dict[str, Any]:
    return {
        "OpenId": invent.openid(),
        "OutTradeNo": invent.trade_no(),
        "Env": 0,
        "RetryTimes": 0,
        "GoodsInfo": {"ProductId": "vip_month", "Quantity": 1, "ActualPrice": 1500},
    }


# By lower-case name: as WeChat spells it, and what it carries beside the head.
_EVENTS: dict[str, tuple[str, Callable[[], dict[str, Any]]]] = {
    name.lower(): (name, fields)
    for name, fields in {
        "subscribe": lambda: {"EventKey": ""},
        "unsubscribe": lambda: {"EventKey": ""},
        "SCAN": lambda: _ticketed("1024"),
        "LOCATION": lambda: {
            "Latitude": "30.259244",
            "Longitude": "120.130742",
            "Precision": "65.000000",
        },
        "CLICK": lambda: {"EventKey": "menu_orders"},
        "VIEW": lambda: {"EventKey": "https://example.com/orders", "MenuId": "409628415"},
        "view_miniprogram": lambda: {"EventKey": "pages/index", "MenuId": "409628415"},
        "scancode_push": lambda: _scanned("https://example.com/t/7"),
        "scancode_waitmsg": lambda: _scanned("6901234567892"),
        "pic_photo_or_album": _pictures,
        "location_select": _chosen_place,
        "TEMPLATESENDJOBFINISH": lambda: {"MsgID": invent.msg_id(), "Status": "success"},
        "subscribe_msg_popup_event": lambda: _subscribed(
            "SubscribeMsgPopupEvent", SubscribeStatusString="accept", PopupScene="2"
        ),
        "subscribe_msg_change_event": lambda: _subscribed(
            "SubscribeMsgChangeEvent", SubscribeStatusString="reject"
        ),
        "subscribe_msg_sent_event": lambda: _subscribed(
            "SubscribeMsgSentEvent",
            MsgID=str(invent.msg_id()),
            ErrorCode="0",
            ErrorStatus="success",
        ),
        "user_enter_tempsession": lambda: {"SessionFrom": "order_1024"},
        "wxa_media_check": _media_check,
        "xpay_goods_deliver_notify": _goods,
        "enter_agent": lambda: {"EventKey": ""},
        "change_contact": lambda: {
            "ChangeType": "create_user",
            "UserID": invent.userid(),
            "Name": "张三",
            "Department": "1,2",
        },
    }.items()
}


def event(scene: Scene, what: str | None) -> dict[str, Any]:
    """An event; `what` is its name in any case, and `subscribe` if nothing is said."""
    name = what or "subscribe"
    spelled, fields = _EVENTS.get(name.lower(), (name, lambda: {"EventKey": ""}))
    return scene.event(spelled, **fields())
