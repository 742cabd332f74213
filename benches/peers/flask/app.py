"""A robot of WeRoBot's in Flask, as ``werobot.contrib.flask`` has it, which answers ``success``."""

import json
import os

from flask import Flask, Response, request
from redis import Redis
from werobot import WeRoBot
from werobot.crypto.exceptions import AppIdValidationError, InvalidSignature
from werobot.messages.messages import TextMessage

robot = WeRoBot(
    token=os.environ["SHOP_TOKEN"],
    encoding_aes_key=os.environ["SHOP_AES_KEY"],
    app_id=os.environ["APPID"],
    enable_session=False,
)
redis = Redis.from_url(os.environ["REDIS_URL"])
app = Flask(__name__)


@robot.text
def hand_over(message: TextMessage) -> None:
    """Recognise a repetition; hand anything else over."""
    identity = f"{message.source}:{message.message_id}"
    if redis.set(f"seen:{identity}", 1, nx=True, ex=60):
        fields = {name: value for name, value in vars(message).items() if name != "raw"}
        event = json.dumps(fields)
        redis.xadd("callbacks", {"id": identity, "key": message.source, "event": event})


@app.post("/cb/shop")
def callback() -> Response:
    """Verify, decrypt, parse, have the robot handle it, acknowledge."""
    asked = request.args
    timestamp, nonce = asked.get("timestamp", ""), asked.get("nonce", "")
    if not robot.check_signature(timestamp, nonce, asked.get("signature", "")):
        return Response(status=403)
    try:
        message = robot.parse_message(
            request.data,
            timestamp=timestamp,
            nonce=nonce,
            msg_signature=asked.get("msg_signature", ""),
        )
    except (InvalidSignature, AppIdValidationError):
        return Response(status=403)
    robot.get_reply(message)
    return Response("success", mimetype="text/plain")
