import assert from "node:assert/strict";
import { createServer, request as httpRequest, type RequestListener } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { test } from "node:test";

import { handler } from "@callout-hq/sdk/node";
import { plugin } from "@callout-hq/sdk/fastify";
import { handler as lambda, type LambdaEvent } from "@callout-hq/sdk/lambda";
import express from "express";
import fastify from "fastify";
import { Hono } from "hono";

import { type Options, testKit } from "./package.js";
import { body, key, target, v1, zitadel } from "./sender.js";

/** A target with one handler, and a kit that delivers to a URL. */
const made = (options: Options = {}) => {
  const { hooks, logged } = target(options);
  hooks.request("*", ({ request }) => ({ got: request }));
  const to = (url: string) => testKit({ fetch: (request) => fetch(request) }, { key, url });
  return { hooks, logged, to };
};
const call = { request: { name: "Ada ☺" } };
const listening = async (listener: RequestListener, use: (url: string) => Promise<void>) => {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    await use(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  } finally {
    server.close();
    server.closeAllConnections();
  }
};

test("node:http", async () => {
  const { hooks, to, logged } = made({ path: "/hooks" });
  await listening(handler(hooks), async (url) => {
    assert.deepEqual((await to(`${url}/hooks?a=1`).request("/a.B/C", call)).json, { got: call.request });
    assert.equal((await to(`${url}/other`).request("/a.B/C", call)).status, 404);
    const get = await fetch(`${url}/hooks`);
    assert.deepEqual([get.status, get.headers.get("allow"), get.headers.get("content-length")], [405, "POST", String((await get.text()).length)]);
  });
  assert.equal(logged.length, 2);
});

test("node:http: a body that is too long is answered while it is being written, and the connection goes on", async () => {
  const { hooks, to } = made({ maxBody: 2000 });
  await listening(handler(hooks), async (url) => {
    for (const size of [2_000_000, 5_000_000]) {
      const long = await to(url).deliver({ fullMethod: "/a.B/C", request: { a: "x".repeat(size) } });
      assert.deepEqual([long.status, long.json.code], [413, "body_too_large"]);
    }
    const chunked = await new Promise<number>((resolve, reject) => {
      const sent = httpRequest(url, { method: "POST", headers: { "content-type": "application/json" } }, (answer) => resolve(answer.resume().statusCode ?? 0));
      sent.on("error", reject);
      for (let n = 0; n < 40; n++) sent.write("x".repeat(100_000));
      sent.end();
    });
    assert.equal(chunked, 413);
    assert.equal((await to(url).request("/a.B/C", call)).status, 200);
  });
});

test("node:http: headers that stand twice are told apart", async () => {
  const { hooks } = made();
  await listening(handler(hooks), async (url) => {
    const seconds = Math.floor(Date.now() / 1000);
    const send = (headers: string[]) =>
      new Promise<number>((resolve, reject) => {
        const all = ["host", "x", "content-type", "application/json", ...headers];
        httpRequest(url, { method: "POST", headers: all as never }, (answer) => resolve(answer.resume().statusCode ?? 0)).on("error", reject).end(body);
      });
    const good = ["zitadel-signature", zitadel(key, seconds, body)];
    assert.equal(await send(good), 200);
    assert.equal(await send([...good, "zitadel-signature", "v2=x"]), 401);
    const standard = ["webhook-id", "m", "webhook-timestamp", String(seconds), "webhook-signature", v1(key, "m", seconds, body)];
    assert.equal(await send(standard), 200);
    assert.equal(await send([...standard, "webhook-signature", "v1,AAAA"]), 200);
    assert.equal(await send([...standard, "webhook-id", "m"]), 401);
  });
});

test("node:http: a sender that goes away harms nobody", async () => {
  const { hooks, to, logged } = made();
  await listening(handler(hooks), async (url) => {
    const socket = connect(Number(new URL(url).port), "127.0.0.1");
    socket.write("POST / HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{");
    await new Promise((resolve) => setTimeout(resolve, 50));
    socket.destroy();
    await to(url).request("/a.B/C", call);
    for (let n = 0; n < 600 && logged.length === 0; n++) await new Promise((resolve) => setTimeout(resolve, 100));
    assert.equal(logged[0]?.message, "the body broke off");
  });
});

test("Express", async () => {
  const { hooks, to, logged } = made();
  const app = express();
  app.post("/first", handler(hooks));
  app.use("/raw", express.raw({ type: "*/*" }), handler(hooks));
  app.use("/kept", express.json({ verify: (request, _response, raw) => void Object.assign(request, { rawBody: raw }) }), handler(hooks));
  app.use(express.json());
  app.post("/parsed", handler(hooks));
  await listening(app, async (url) => {
    for (const path of ["/first", "/raw", "/kept/below"]) {
      const { status, json } = await to(url + path).request("/a.B/C", call);
      assert.deepEqual([path, status, json], [path, 200, { got: call.request }]);
    }
    assert.equal(logged.length, 0);
    const before = Date.now();
    const { status, json } = await to(`${url}/parsed`).request("/a.B/C", call);
    assert.deepEqual([status, json], [500, { code: "body_consumed", message: "the body was read before it could be checked" }]);
    assert.ok(Date.now() - before < 5000, "at once, and not when time is over");
    assert.match(logged[0]!.message, /before express\.json\(\)/);
    const forged = await to(`${url}/kept`).request("/a.B/C", call, { headers: { "webhook-signature": "v1,AAAA" } });
    assert.equal(forged.status, 401, "what was kept is checked");
  });
});

test("Express: the option path names the whole path", async () => {
  const { hooks, to } = made({ path: "/api/hooks" });
  const app = express().use("/api", handler(hooks));
  await listening(app, async (url) => {
    assert.equal((await to(`${url}/api/hooks`).request("/a.B/C", call)).status, 200);
    assert.equal((await to(`${url}/api/other`).request("/a.B/C", call)).status, 404);
  });
});

test("Fastify", async () => {
  const { hooks, to, logged } = made();
  const app = fastify();
  app.addHook("preParsing", async (request, _reply, payload) => {
    if (!request.url.startsWith("/eaten")) return payload;
    for await (const _part of payload) continue;
    return payload;
  });
  app.post("/json", async (request) => request.body);
  await app.register(plugin(hooks), { prefix: "/hooks" });
  await app.register(plugin(hooks), { prefix: "/eaten" });
  await app.register(async (kept) => {
    kept.addHook("preValidation", async (request) => void Object.assign(request, { rawBody: (request.headers.raw as string) || undefined }));
    await kept.register(plugin(hooks), { prefix: "/kept" });
  });
  const url = await app.listen({ port: 0, host: "127.0.0.1" });
  try {
    for (const path of ["/hooks", "/hooks/", "/hooks/below"]) {
      assert.deepEqual((await to(url + path).request("/a.B/C", call)).json, { got: call.request });
    }
    const none = await fetch(`${url}/hooks`, { method: "POST", body: new Uint8Array(3) });
    assert.equal(none.status, 415);
    const get = await fetch(`${url}/hooks`);
    assert.deepEqual([get.status, ((await get.json()) as { code: string }).code], [405, "method_not_allowed"]);
    assert.equal((await to(`${url}/hooks`).event("user.added")).status, 404);
    hooks.event("user.added", () => {});
    const done = await to(`${url}/hooks`).event("user.added");
    assert.deepEqual([done.status, done.json], [204, undefined]);
    const parsed = await fetch(`${url}/json`, { method: "POST", headers: { "content-type": "application/json" }, body: '{"a":1}' });
    assert.deepEqual(await parsed.json(), { a: 1 }, "the application parses as before");
    const eaten = await to(`${url}/eaten`).request("/a.B/C", call);
    assert.deepEqual([eaten.status, eaten.json.code], [500, "body_consumed"]);
    assert.equal(logged.at(-1)?.code, "body_consumed");
    const kept = await to(`${url}/kept`).request("/a.B/C", call, { headers: { raw: JSON.stringify({ function: "forged" }) } });
    assert.equal(kept.status, 401, "what was kept is what is checked");
  } finally {
    await app.close();
  }
});

test("Hono, and whatever else has fetch", async () => {
  const { hooks, logged } = made();
  const app = new Hono();
  app.use("/parsed", async (c, next) => (await c.req.json(), next()));
  app.all("/*", (c) => hooks.fetch(c.req.raw));
  const kit = (url: string) => testKit({ fetch: (request: Request) => app.fetch(request) }, { key, url });
  assert.deepEqual((await kit("http://localhost/hooks").request("/a.B/C", call)).json, { got: call.request });
  const parsed = await kit("http://localhost/parsed").request("/a.B/C", call);
  assert.deepEqual([parsed.status, parsed.json.code], [500, "body_consumed"]);
  assert.match(logged[0]!.message, /before json\(\) or text\(\)/);
  const { fetch: alone } = hooks; // as `export default hooks` is called
  assert.equal((await testKit({ fetch: alone }, { key }).request("/a.B/C", call)).status, 200);
});

test("Lambda", async () => {
  const { hooks, logged } = made({ path: "/hooks" });
  const main = lambda(hooks);
  const signed = await testKit(hooks, { key }).sign({ fullMethod: "/a.B/C", ...call });
  const text = await signed.text();
  const headers = Object.fromEntries(signed.headers);
  const base64 = Buffer.from(text).toString("base64");
  const multiValueHeaders = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toUpperCase(), [value]]));
  const events: Record<string, LambdaEvent> = {
    "an HTTP API": { rawPath: "/hooks", requestContext: { http: { method: "POST" } }, headers, body: text },
    "a function URL in base64": { rawPath: "/hooks", requestContext: { http: { method: "POST" } }, headers, body: base64, isBase64Encoded: true },
    "a REST API": { path: "/hooks", httpMethod: "POST", headers, multiValueHeaders, body: text, requestContext: {} },
    "a load balancer": { path: "/hooks", httpMethod: "POST", multiValueHeaders, body: base64, isBase64Encoded: true },
  };
  for (const [name, event] of Object.entries(events)) {
    const result = await main(event);
    assert.deepEqual([name, result.statusCode, JSON.parse(result.body)], [name, 200, { got: call.request }]);
    assert.equal(result.headers["content-type"], "application/json");
    assert.deepEqual(result.multiValueHeaders?.["content-type"], event.headers ? undefined : ["application/json"]);
  }
  const event = events["an HTTP API"]!;
  assert.equal((await main({ ...event, body: JSON.parse(text) })).statusCode, 500);
  assert.equal(logged[0]?.code, "body_consumed");
  assert.equal((await main({ ...event, body: `${text} ` })).statusCode, 401);
  assert.equal((await main({ ...event, body: undefined })).statusCode, 401);
  assert.equal((await main({ ...event, rawPath: "/" })).statusCode, 404);
  assert.equal((await main({ ...event, body: `"${"x".repeat(1 << 20)}"` })).statusCode, 413);
  assert.equal((await main({ ...event, requestContext: { http: { method: "GET" } } })).statusCode, 405);
});
