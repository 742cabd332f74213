// What a team writes in Node: http, node-easywechat and ioredis, as their manuals have it.
'use strict';

const http = require('node:http');
const { Redis } = require('ioredis');
const { OfficialAccount, ServerRequest } = require('node-easywechat');

const { SHOP_TOKEN, SHOP_AES_KEY, APPID, REDIS_URL, PORT } = process.env;
const config = { app_id: APPID, secret: '', token: SHOP_TOKEN, aes_key: SHOP_AES_KEY };
const redis = new Redis(REDIS_URL);

async function handOver(message, next) {
  const identity = `${message.FromUserName}:${message.MsgId}`;
  if (await redis.set(`seen:${identity}`, 1, 'EX', 60, 'NX')) {
    const event = JSON.stringify(message);
    await redis.xadd('callbacks', '*', 'id', identity, 'key', message.FromUserName, 'event', event);
  }
  return next(message); // which answers `success`
}

http.createServer(async (request, answer) => {
  try {
    // An application keeps the request and its handlers: it is made for one.
    const account = new OfficialAccount(config);
    account.setRequest(await ServerRequest.createFromIncomingMessage(request));
    const response = await account.getServer().with(handOver).serve();
    const body = response.getBody().toString();
    const head = { 'Content-Type': 'text/plain', 'Content-Length': Buffer.byteLength(body) };
    answer.writeHead(response.getStatusCode(), head).end(body);
  } catch {
    answer.writeHead(403, { 'Content-Length': 0 }).end();
  }
}).listen(Number(PORT), '127.0.0.1');
