"""What a team writes without a gateway: FastAPI and wechatpy, as their manuals have it."""

import os

from fastapi import FastAPI, Request, Response
from wechatpy import parse_message
from wechatpy.crypto import WeChatCrypto

crypto = WeChatCrypto(os.environ["SHOP_TOKEN"], os.environ["SHOP_AES_KEY"], os.environ["APPID"])
app = FastAPI()


@app.post("/cb/shop")
async def callback(request: Request, msg_signature: str, timestamp: str, nonce: str) -> Response:
    """Verify, decrypt, parse, acknowledge; nothing is routed, nothing handed over."""
    xml = crypto.decrypt_message(await request.body(), msg_signature, timestamp, nonce)
    assert parse_message(xml).content
    return Response("success", media_type="text/plain")
