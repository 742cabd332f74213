"""The accounts that WeChat pushes messages to, under a token and an EncodingAESKey."""

from collections.abc import Iterator, Mapping
from typing import Annotated, ClassVar, Literal

from msgspec import UNSET, Meta

from wxgate.settings.account import AnyAccount, OwnBudget, Texts
from wxgate.settings.problems import UnfitError
from wxgate.settings.secret import Secret
from wxgate.settings.shapes import AesKey

Mode = Literal["plain", "compatible", "safe"]
Format = Literal["xml", "json"]
Tokens = Annotated[
    tuple[Secret, ...], Meta(description="Token; the first signs replies, all verify.")
]
AesKeys = Annotated[
    tuple[AesKey, ...],
    Meta(description="EncodingAESKey; the first seals replies, all open messages."),
]
MaxAge = Annotated[
    int,
    Meta(
        ge=300,
        description="Seconds after which a push is stale and refused.",
    ),
]
LastingAge = Annotated[
    int,
    Meta(
        ge=300,
        description="Seconds after which a push is stale; xpay_… events are tried for some 18 h.",
    ),
]
DAY = 86400


class Console(AnyAccount, frozen=True, kw_only=True):
    """An account whose mode and format are chosen in WeChat's console."""

    appid: Annotated[
        Texts, Meta(description="The appid it is sealed for.", examples=["wx0123456789abcdef"])
    ]
    token: Tokens
    aes_key: Annotated[
        tuple[AesKey, ...],
        Meta(
            description='EncodingAESKey; the first seals, all open. Needed unless mode = "plain".'
        ),
    ] = ()
    mode: Annotated[
        Mode, Meta(description="As in the console. Plain bodies are not signed: prefer safe.")
    ] = "safe"
    format: Annotated[Format, Meta(description="As in the console.")] = "xml"
    max_age: LastingAge = DAY
    budget: OwnBudget = None

    @classmethod
    def rules(cls, got: Mapping[str, object]) -> Iterator[tuple[str, UnfitError]]:
        """Demand a key wherever messages are encrypted."""
        if got.get("mode", "safe") not in {"plain", UNSET} and "aes_key" not in got:
            yield "aes_key", UnfitError('is required unless mode = "plain"')


class Official(Console, frozen=True, kw_only=True):
    """公众号, an official account."""

    kind: ClassVar[Literal["official"]] = "official"


class MiniProgram(Console, frozen=True, kw_only=True):
    """小程序, a mini program. Its console offers JSON beside XML: set `format` to match."""

    kind: ClassVar[Literal["miniprogram"]] = "miniprogram"


class WeCom(AnyAccount, frozen=True, kw_only=True):
    """企业微信, a company's own application or AI bot. Always encrypted."""

    kind: ClassVar[Literal["wecom"]] = "wecom"

    corpid: Annotated[
        Texts,
        Meta(description="The company; needed unless bot = true.", examples=["ww0123456789abcdef"]),
    ] = ()
    token: Tokens
    aes_key: AesKeys
    bot: Annotated[
        bool, Meta(description="An AI bot (智能机器人): JSON, sealed for no one in particular.")
    ] = False
    max_age: MaxAge = DAY
    budget: OwnBudget = None

    @classmethod
    def rules(cls, got: Mapping[str, object]) -> Iterator[tuple[str, UnfitError]]:
        """Demand a receive id, which only bots do without."""
        if got.get("bot", False) is False and "corpid" not in got:
            yield "corpid", UnfitError("is required unless bot = true")


class WeComSuite(AnyAccount, frozen=True, kw_only=True):
    """企业微信第三方应用, a provider's suite. Always encrypted, always XML."""

    kind: ClassVar[Literal["wecom_suite"]] = "wecom_suite"

    suite_id: Annotated[
        Texts, Meta(description="The suite, for commands.", examples=["ww0123456789abcdef"])
    ]
    corpid: Annotated[
        Texts,
        Meta(
            description="The provider, for the URL check, and the companies that authorised it.",
            examples=[["wwaaaaaaaaaaaaaaaa", "wwbbbbbbbbbbbbbbbb"]],
        ),
    ] = ()
    token: Tokens
    aes_key: AesKeys
    max_age: MaxAge = DAY
    budget: OwnBudget = None


class Component(AnyAccount, frozen=True, kw_only=True):
    """第三方平台, a third-party platform. Always encrypted, always XML."""

    kind: ClassVar[Literal["component"]] = "component"

    appid: Annotated[
        Texts, Meta(description="The component_appid.", examples=["wx0123456789abcdef"])
    ]
    token: Tokens
    aes_key: AesKeys
    authorizers: Annotated[
        Texts | None,
        Meta(
            description="The appids taken at /cb/ACCOUNT/APPID; any if absent.",
            examples=[["wxaaaaaaaaaaaaaaaa"]],
        ),
    ] = None
    max_age: MaxAge = DAY
    budget: OwnBudget = None
