// What a team writes in Node: Koa, co-wechat and ioredis, as their manuals have it.
'use strict';

const Koa = require('koa');
const { Redis } = require('ioredis');
const wechat = require('co-wechat');

const { SHOP_TOKEN, SHOP_AES_KEY, APPID, REDIS_URL, PORT } = process.env;
const redis = new Redis(REDIS_URL);
const account = wechat({ token: SHOP_TOKEN, encodingAESKey: SHOP_AES_KEY, appid: APPID });

const receive = account.middleware(async (message) => {
  const identity = `${message.FromUserName}:${message.MsgId}`;
  if (await redis.set(`seen:${identity}`, 1, 'EX', 60, 'NX')) {
    const event = JSON.stringify(message);
    await redis.xadd('callbacks', '*', 'id', identity, 'key', message.FromUserName, 'event', event);
  }
  return '';
});

const app = new Koa();
app.silent = true;
app.use(async (ctx, next) => {
  if (ctx.path !== '/cb/shop') return;
  await receive(ctx, next);
  if (ctx.status === 200 && ctx.body === '') ctx.body = 'success';
});
app.listen(Number(PORT), '127.0.0.1');
