"""The `[server]` table."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Literal

from msgspec import Meta

from wxgate.settings.problems import UnfitError
from wxgate.settings.table import Table
from wxgate.settings.texts import Address

Ranges = tuple[Annotated[str, Meta(min_length=1, title="text")], ...]
Budget = Annotated[float, Meta(gt=0, le=5)]

_LISTEN = Address("127.0.0.1", 8080)
_ADMIN = Address("127.0.0.1", 9471)


class Server(Table, frozen=True, kw_only=True):
    """The process itself: what it listens on and where its limits are."""

    listen: Annotated[
        Address, Meta(description="Where WeChat's calls arrive.", extra={"restart": True})
    ] = _LISTEN
    admin: Annotated[
        Address | None,
        Meta(
            description='Where /healthz, /readyz and /metrics are; never public. "" for none.',
            extra={"restart": True},
        ),
    ] = _ADMIN
    workers: Annotated[
        int,
        Meta(
            ge=1,
            le=256,
            description="Processes that share the listener; one per core.",
            extra={"restart": True},
        ),
    ] = 1
    max_body: Annotated[
        int, Meta(ge=1024, le=67108864, description="Bytes of a request body; more is refused.")
    ] = 1048576
    body_timeout: Annotated[
        float, Meta(gt=0, le=60, description="Seconds in which a body must have arrived.")
    ] = 5.0
    max_in_flight: Annotated[
        int,
        Meta(ge=1, le=1000000, description="Requests open per worker; more get a 503."),
    ] = 1024
    max_per_address: Annotated[
        int | None,
        Meta(
            ge=1,
            le=1000000,
            description="Connections of an address per worker, if callers come without a proxy.",
            examples=[64],
        ),
    ] = None
    trusted_proxies: Annotated[
        Ranges,
        Meta(
            description="Proxies whose X-Forwarded-For is believed: addresses and ranges.",
            examples=["10.0.0.0/8"],
        ),
    ] = ()
    reply_budget: Annotated[
        Budget, Meta(description="Seconds until WeChat is answered; it gives up after 5.")
    ] = 4.5
    drain: Annotated[
        float,
        Meta(
            ge=0,
            le=600,
            description="Seconds that what is open is given at a stop.",
        ),
    ] = 4.0
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"],
        Meta(description="The least important lines that are logged."),
    ] = "info"

    watch: Annotated[
        bool,
        Meta(description="Whether this file, and those of secrets, are read again as they change."),
    ] = True

    @classmethod
    def rules(cls, got: Mapping[str, object]) -> Iterator[tuple[str, UnfitError]]:
        """Keep the operator's page off the public listener."""
        listen, admin = got.get("listen", _LISTEN), got.get("admin", _ADMIN)
        if isinstance(listen, Address) and isinstance(admin, Address) and admin.collides(listen):
            yield "admin", UnfitError(f"is the same address as listen, {listen}", "take two ports")
