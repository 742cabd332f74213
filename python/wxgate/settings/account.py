"""What all kinds of account have in common."""

from typing import Annotated, ClassVar

from msgspec import Meta

from wxgate.settings.server import Budget
from wxgate.settings.table import Table

Text = Annotated[str, Meta(min_length=1, title="text")]
Texts = tuple[Text, ...]
OwnBudget = Annotated[
    Budget | None,
    Meta(description="Seconds until an answer; server.reply_budget if absent.", examples=[4.5]),
]


class AnyAccount(Table, frozen=True, kw_only=True):
    """An account; the key `kind` chooses among its subclasses."""

    kind: ClassVar[str]
