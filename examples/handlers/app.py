"""Answer messages with functions: `wxgate serve --app app:gateway`."""

# ruff: noqa: INP001 (a script)
from wxgate import Article, Event, Gateway, News

gateway = Gateway("wxgate.toml")


@gateway.on("shop", event="subscribe")
async def welcome(event: Event) -> News:
    """Greet a new follower. `EventKey` says which QR code brought them."""
    scene = str(event.data.get("EventKey", "")).removeprefix("qrscene_")
    return News([Article("欢迎", url=f"https://example.com/start?scene={scene}")])


@gateway.on("shop", type="text")
async def answer(event: Event) -> str | None:
    """Answer what is asked, and take the rest in silence."""
    if event.text.startswith("退款"):
        return "客服会尽快联系您"
    return None
