"""The accounts that send notices: merchants of WeChat Pay, and services of the team's own."""

from typing import Annotated, ClassVar, Literal

from msgspec import Meta

from wxgate.settings.account import AnyAccount, OwnBudget, Text, Texts
from wxgate.settings.secret import Secret
from wxgate.settings.shapes import Apiv3Key, Pem

SignType = Literal["MD5", "HMAC-SHA256"]
MerchantIds = Annotated[
    Texts, Meta(description="Merchant ids that a notice may name.", examples=["1900000001"])
]


class Pay(AnyAccount, frozen=True, kw_only=True):
    """微信支付 APIv3, a merchant."""

    kind: ClassVar[Literal["pay"]] = "pay"

    mchid: MerchantIds
    apiv3_key: Annotated[
        tuple[Apiv3Key, ...], Meta(description="APIv3 key; each of them opens notices.")
    ]
    platform_keys: Annotated[
        dict[Text, Pem],
        Meta(
            description="WeChat Pay's public key or platform certificates, by id or serial.",
            examples=[{"PUB_KEY_ID_0000000001": "file:pub_key.pem"}],
        ),
    ]
    budget: OwnBudget = None


class PayV2(AnyAccount, frozen=True, kw_only=True):
    """微信支付 APIv2, a merchant."""

    kind: ClassVar[Literal["pay_v2"]] = "pay_v2"

    mchid: MerchantIds
    key: Annotated[tuple[Secret, ...], Meta(description="API key; each of them verifies.")]
    sign_type: Annotated[
        SignType | None,
        Meta(description="The only algorithm taken; either if absent.", examples=["MD5"]),
    ] = None
    apiv3_key: Annotated[
        tuple[Apiv3Key, ...], Meta(description="For the notices that carry APIv3 ciphertext.")
    ] = ()
    budget: OwnBudget = None


class Partner(AnyAccount, frozen=True, kw_only=True):
    """A service of the team's own that calls in: it seals with a secret and signs with a key."""

    kind: ClassVar[Literal["partner"]] = "partner"

    app_id: Annotated[Text, Meta(description="The name it signs under.", examples=["billing"])]
    app_secret: Annotated[
        tuple[Secret, ...], Meta(description="Shared secret; each of them opens.")
    ]
    public_key: Annotated[
        tuple[Pem, ...],
        Meta(description="Its public key; each of them verifies.", examples=["file:partner.pem"]),
    ]
    budget: OwnBudget = None
