"""What a team writes without a gateway: FastAPI and wechatpy, as their manuals have it."""

import json
import os

from fastapi import FastAPI, Request, Response
from redis.asyncio import Redis
from wechatpy import parse_message
from wechatpy.crypto import WeChatCrypto
from wechatpy.exceptions import InvalidAppIdException, InvalidSignatureException

crypto = WeChatCrypto(os.environ["SHOP_TOKEN"], os.environ["SHOP_AES_KEY"], os.environ["APPID"])
# Its own limit of 100 connections fails requests where more come at once.
redis = Redis.from_url(os.environ["REDIS_URL"], max_connections=1000)
app = FastAPI()


@app.post("/cb/shop")
async def callback(request: Request, msg_signature: str, timestamp: str, nonce: str) -> Response:
    """Verify, decrypt, parse, recognise repetitions, hand over, acknowledge."""
    body = await request.body()
    try:
        xml = crypto.decrypt_message(body, msg_signature, timestamp, nonce)
    except (InvalidSignatureException, InvalidAppIdException):
        return Response(status_code=403)
    message = parse_message(xml)
    identity = f"{message.source}:{message.id}"
    if await redis.set(f"seen:{identity}", 1, nx=True, ex=60):
        event = json.dumps(message._data)  # noqa: SLF001 (it has no other way to all fields)
        entry = {"id": identity, "key": message.source, "event": event}
        await redis.xadd("callbacks", entry)
    return Response("success", media_type="text/plain")
