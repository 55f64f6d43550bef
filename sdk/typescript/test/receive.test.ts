import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { callout, claim, type Context, later, logClaim, metadata, never, reject } from "./package.js";
import { key, target } from "./sender.js";

const create = "/acme.user.v1.UserService/CreateUser";
const raw = (value: unknown) => ({ status: 200, json: value });
const code = (status: number, name: string) => ({ status, code: name });

describe("what a handler of a call gives", () => {
  const answers: Record<string, [() => unknown, object]> = {
    "a change": [() => ({ displayName: "Ada" }), raw({ displayName: "Ada" })],
    "a promise of one": [async () => ({ a: { b: [1, null] } }), raw({ a: { b: [1, null] } })],
    "an empty change": [() => ({}), raw({})],
    "nothing": [() => undefined, { status: 204 }],
    "null": [() => null, { status: 204 }],
    "a rejection": [() => reject(422, "no"), raw({ forwardedStatusCode: 422, forwardedErrorMessage: "no" })],
    "a rejection that is thrown": [() => { throw reject(499, "no"); }, raw({ forwardedStatusCode: 499, forwardedErrorMessage: "no" })],
    "a status of 500": [() => reject(500, "no"), code(500, "handler_failed")],
    "an empty message": [() => reject(422, ""), code(500, "handler_failed")],
    "a message of 8,192 bytes": [() => reject(400, "é".repeat(4096)), raw({ forwardedStatusCode: 400, forwardedErrorMessage: "é".repeat(4096) })],
    "a message of 8,194 bytes": [() => reject(400, "é".repeat(4097)), code(500, "handler_failed")],
    "an error": [() => { throw new Error("secret inside"); }, code(500, "handler_failed")],
    "something thrown that is no error": [() => Promise.reject("secret inside"), code(500, "handler_failed")],
    "an error that is returned": [() => new Error("secret inside"), code(500, "handler_failed")],
    "a list": [() => [1], code(500, "handler_failed")],
    "a text": [() => "secret inside", code(500, "handler_failed")],
    "a date": [() => new Date(), code(500, "handler_failed")],
    "what JSON has not": [() => ({ a: 1n }), code(500, "handler_failed")],
    "a ring": [() => { const a: { a?: object } = {}; return (a.a = a); }, code(500, "handler_failed")],
    "1 MiB": [() => ({ a: "x".repeat((1 << 20) - 8) }), raw({ a: "x".repeat((1 << 20) - 8) })],
    "1 MiB and a byte": [() => ({ a: "x".repeat((1 << 20) - 7) }), code(500, "handler_failed")],
    "later": [() => later(), code(500, "handler_failed")],
    "never": [() => never("no"), code(500, "handler_failed")],
  };
  for (const [name, [act, want]] of Object.entries(answers)) {
    test(name, async () => {
      const { hooks, kit } = target();
      hooks.request(create, act as () => object);
      const answer = await kit.request(create, { request: {} });
      if ("code" in want) {
        assert.deepEqual({ status: answer.status, code: answer.json.code }, want);
        assert.deepEqual(Object.keys(answer.json), ["code", "message"]);
        assert.equal(answer.json.message, "the handler failed");
      } else {
        assert.deepEqual({ status: answer.status, ...(answer.json ? { json: answer.json } : {}) }, want);
      }
      assert.equal(answer.headers.get("content-type"), answer.status === 204 ? null : "application/json");
    });
  }
});

describe("what a handler of an event gives", () => {
  const answers: Record<string, [() => unknown, object]> = {
    "nothing": [() => undefined, { status: 204 }],
    "anything": [() => ({ rows: 1 }), { status: 204 }],
    "an error that is returned": [() => new Error("nobody threw it"), { status: 204 }],
    "later": [() => later(), { status: 503, code: "retry_later", message: "later", wait: null }],
    "later, 7 seconds": [() => later({ after: 7, message: "busy" }), { status: 503, code: "retry_later", message: "busy", wait: "7" }],
    "later, thrown": [() => { throw later({ after: 0 }); }, { status: 503, code: "retry_later", message: "later", wait: "0" }],
    "later, of half a second": [() => later({ after: 0.5 }), { status: 500, code: "handler_failed", message: "the handler failed", wait: null }],
    "never": [() => never("it is of no use"), { status: 422, code: "given_up", message: "it is of no use", wait: null }],
    "a rejection": [() => reject(422, "no"), { status: 500, code: "handler_failed", message: "the handler failed", wait: null }],
    "an error": [() => { throw new Error("secret inside"); }, { status: 500, code: "handler_failed", message: "the handler failed", wait: null }],
  };
  for (const [name, [act, want]] of Object.entries(answers)) {
    test(name, async () => {
      const { hooks, kit } = target();
      hooks.event("user.added", act);
      const { status, json, headers } = await kit.event("user.added");
      assert.deepEqual(json ? { status, ...json, wait: headers.get("retry-after") } : { status }, want);
    });
  }
});

describe("which handler", () => {
  const who = (by: string) => () => ({ by });
  const { hooks, kit } = target();
  const seen: string[] = [];
  hooks.request("/a.b.C/M", who("method")).request("a.b.C", who("service")).request("*", who("all"));
  hooks.response("a.b.C", who("response"));
  hooks.function("create_id_token", who("function")).function("function/other", who("other"));
  for (const condition of ["user.added", "user.*", "user.human.*", "*"]) hooks.event(condition, () => void seen.push(condition));

  const methods = { "/a.b.C/M": "method", "/a.b.C/N": "service", "/a.b.CD/M": "all", "a.b.C": "all", "/a.b.C": "all", "": "all", "*": "all" };
  for (const [method, by] of Object.entries(methods)) {
    test(`request ${JSON.stringify(method)}: ${by}`, async () => assert.deepEqual((await kit.request(method, { request: {} })).json, { by }));
  }
  const types = { "user.added": "user.added", "user.removed": "user.*", "user.human.added": "user.human.*", "user.human.a.b": "user.human.*", "user": "*", "usergrant.added": "*", "user.human": "user.*", "user.*": "user.*", "*": "*" };
  for (const [type, by] of Object.entries(types)) {
    test(`event ${type}: ${by}`, async () => {
      seen.length = 0;
      assert.equal((await kit.event(type)).status, 204);
      assert.deepEqual(seen, [by]);
    });
  }
  test("responses and functions have their own", async () => {
    assert.deepEqual((await kit.response("/a.b.C/M", { request: {}, response: {} })).json, { by: "response" });
    assert.deepEqual((await kit.function("create_id_token", {})).json, { by: "function" });
    assert.deepEqual((await kit.deliver({ function: "create_id_token" })).json, { by: "function" });
    assert.deepEqual((await kit.function("other", {})).json, { by: "other" });
  });
  test("what none covers is 404, unless there is a fallback", async () => {
    const { hooks: bare, kit: to, logged } = target();
    const { status, json } = await to.function("none", {});
    assert.deepEqual({ status, code: json.code }, code(404, "unknown_condition"));
    assert.equal(logged[0]?.condition, "function function/none");
    bare.fallback((body) => ({ got: body.function }));
    assert.deepEqual((await to.function("none", {})).json, { got: "function/none" });
    assert.throws(() => bare.fallback(() => {}), /a fallback already/);
  });
  test("twice, or none: an error when it is written", () => {
    const make = () => callout({ keys: key });
    const again = [
      () => make().request("*", () => {}).request("*", () => {}), () => make().event("a.*", () => {}).event("a.*", () => {}),
      () => make().function("f", () => {}).function("function/f", () => {}),
    ];
    for (const twice of again) assert.throws(twice, /has a handler already/);
    for (const none of ["", "/", "/a", "/a.B/", "/a.B/C/D", "a.*", "a..B", "a b", ".a", "user.added!"]) {
      assert.throws(() => make().request(none, () => {}), /no condition of a request/, none);
      assert.throws(() => make().response(none, () => {}), /no condition of a response/, none);
    }
    for (const none of ["", ".*", "user.", "user..added", "user.*.added", "*.added", "user.add*", "/a.B/C", "a b", "**"]) {
      assert.throws(() => make().event(none, () => {}), /no condition of an event|no condition of a event/, none);
    }
    for (const none of ["", "*", "function/", "a b", "a/b"]) assert.throws(() => make().function(none, () => {}), /no condition/, none);
  });
});

describe("bodies", () => {
  const { hooks, kit } = target();
  hooks.request("*", (body) => ({ seen: body })).event("*", () => {}).function("f", () => ({}));
  const deep = (n: number) => `{"fullMethod":"/a.B/C","request":${"[".repeat(n - 1)}${"]".repeat(n - 1)}}`;
  const sent = (text: string | Uint8Array) => kit.sign(text).then((request) => hooks.fetch(request));
  const bytes = (...more: number[]) => Uint8Array.from([...new TextEncoder().encode('{"fullMethod":"/a.B/C","request":{"a":"'), ...more, 0x22, 0x7d, 0x7d]);
  const cases: Record<string, [string | Uint8Array, number]> = {
    "nothing": ["", 400], "a list": ["[]", 400], "null": ["null", 400], "a text": ['"a"', 400], "two objects": ['{"function":"f"}{}', 400],
    "junk behind": ['{"function":"f"} x', 400], "NaN": ['{"function":"f","a":NaN}', 400], "Infinity": ['{"function":"f","a":-Infinity}', 400],
    "a comma too many": ['{"function":"f",}', 400], "a comment": ['{"function":"f"/**/}', 400], "single quotes": ["{'function':'f'}", 400],
    "a byte order mark": ['\ufeff{"function":"f"}', 400], "no UTF-8": [bytes(0xff), 400], "half a character": [bytes(0xc3), 400], "an overlong one": [bytes(0xc0, 0xaf), 400],
    "a control character": [bytes(0x01), 400], "spaces around": [' \n{"function":"f"}\t', 200],
    "128 deep": [deep(128), 200], "129 deep": [deep(129), 400], "brackets in texts": [`{"function":"f","a":"${"[{".repeat(200)}\\"[["}`, 200],
    "an object without a name": ["{}", 400], "a function that is no text": ['{"function":1}', 400], "a type that is no text": ['{"event_type":null}', 400],
    "a method that is no text": ['{"fullMethod":["/a.B/C"]}', 400], "a number as function, and a method": ['{"function":1,"fullMethod":"/a.B/C"}', 200],
    "a name from the prototype": ['{"__proto__":{"fullMethod":"/a.B/C"}}', 400],
  };
  for (const [name, [text, want]] of Object.entries(cases)) {
    test(`${name}: ${want}`, async () => {
      const response = await sent(text);
      assert.equal(response.status, want);
      if (want === 400) assert.equal(((await response.json()) as { code: string }).code, "malformed");
    });
  }
  test("members that nobody knows are passed on", async () => {
    const body = { fullMethod: "/a.B/C", request: { a: 1 }, futureMember: { deep: [1] } };
    assert.deepEqual((await kit.deliver(body)).json, { seen: body });
  });
  test("a structured CloudEvent is unwrapped", async () => {
    let got: unknown;
    const { hooks: own, kit: to } = target();
    own.event("user.added", (body, context) => void (got = [body.aggregateID, context.event, context.sequence]));
    const eventTime = new Date("2026-01-02T03:00:00.123Z");
    assert.equal((await to.event("user.added", { aggregateID: "u1" }, { structured: true, eventId: "e1", sequence: 7, eventTime })).status, 204);
    assert.deepEqual(got, ["u1", { id: "e1", type: "user.added", time: "2026-01-02T03:00:00.123Z" }, 7]);
    for (const data of [undefined, 1, [], "{}"]) assert.equal((await to.deliver({ specversion: "1.0", data })).status, 400);
  });
  test("what it is, the first member that fits says", async () => {
    const { hooks: own, kit: to } = target();
    own.request("*", () => ({ is: "request" })).response("*", () => ({ is: "response" })).function("f", () => ({ is: "function" })).event("*", () => {});
    const is = async (body: object) => { const { status, json } = await to.deliver(body); return status === 204 ? "event" : json.is; };
    assert.equal(await is({ fullMethod: "/a.B/C" }), "request");
    assert.equal(await is({ fullMethod: "/a.B/C", response: null }), "response");
    assert.equal(await is({ fullMethod: "/a.B/C", response: {}, event_type: "a" }), "event");
    assert.equal(await is({ fullMethod: "/a.B/C", response: {}, event_type: "a", function: "f" }), "function");
  });
});

describe("what is refused before a handler", () => {
  const { hooks, kit, logged } = target({ path: "/hooks", maxBody: 1000 });
  hooks.function("f", () => ({}));
  const ask = async (change: (request: Request) => Request | Promise<Request>, path = "/hooks") => {
    logged.length = 0;
    const { url, headers, body } = await kit.sign({ function: "f" });
    const signed = new Request(new URL(path, url), { method: "POST", headers, body: await new Response(body).text() });
    const response = await hooks.fetch(await change(signed));
    const { code: said, message } = response.status === 200 ? { code: "", message: "" } : ((await response.json()) as { code: string; message: string });
    return { status: response.status, code: said, message, allow: response.headers.get("allow") };
  };
  const header = (name: string, value: string | undefined) => async (request: Request) => {
    const headers = new Headers(request.headers);
    if (value === undefined) headers.delete(name);
    else headers.set(name, value);
    return new Request(request.url, { method: "POST", headers, body: new Uint8Array(await request.arrayBuffer()) });
  };
  const cases: Record<string, [(request: Request) => Request | Promise<Request>, number, string, string?]> = {
    "nothing wrong": [(r) => r, 200, ""],
    "a query": [(r) => r, 200, "", "/hooks?a=1"],
    "another path": [(r) => r, 404, "not_found", "/hooks/"],
    "another path and method": [(r) => new Request(r.url), 404, "not_found", "/"],
    "GET": [(r) => new Request(r.url), 405, "method_not_allowed"],
    "PUT": [(r) => new Request(r, { method: "PUT" }), 405, "method_not_allowed"],
    "no type": [header("content-type", undefined), 415, "unsupported_media_type"],
    "text/plain": [header("content-type", "text/plain"), 415, "unsupported_media_type"],
    "application/jsonx": [header("content-type", "application/jsonx"), 415, "unsupported_media_type"],
    "application/jwt without a payload": [header("content-type", "application/jwt"), 415, "unsupported_media_type"],
    "JSON with parameters": [header("content-type", "Application/JSON ; charset=utf-8"), 200, ""],
    "cloudevents": [header("content-type", "application/cloudevents+json"), 200, ""],
    "gzip": [header("content-encoding", "gzip"), 415, "unsupported_media_type"],
    "identity": [header("content-encoding", "identity"), 200, ""],
    "too long, as it says": [header("content-length", "1001"), 413, "body_too_large"],
    "too long, and of a wrong type": [(r) => header("content-type", "text/plain")(new Request(r, { headers: { ...Object.fromEntries(r.headers), "content-length": "1001" } })), 415, "unsupported_media_type"],
    "no signature": [(r) => new Request(r.url, { method: "POST", headers: { "content-type": "application/json" }, body: "{}" }), 401, "unauthorized"],
    "a body that is too long and not signed": [(r) => new Request(r.url, { method: "POST", headers: { "content-type": "application/json" }, body: "x".repeat(1001) }), 413, "body_too_large"],
    "a body that was read": [async (r) => (await r.text(), r), 500, "body_consumed"],
    "a body that is being read": [(r) => (r.body!.getReader(), r), 500, "body_consumed"],
  };
  for (const [name, [change, status, said, path]] of Object.entries(cases)) {
    test(`${name}: ${status} ${said}`, async () => {
      const answer = await ask(change, path);
      assert.deepEqual([answer.status, answer.code], [status, said]);
      assert.equal(answer.allow, status === 405 ? "POST" : null);
      assert.equal(logged.length, status === 200 ? 0 : 1);
      if (status !== 200) assert.equal(logged[0]?.code, said);
    });
  }
  test("a stream that is too long is not read on", async () => {
    let pulled = 0;
    let cancelled = false;
    const stream = new ReadableStream({ pull: (c) => { pulled++; c.enqueue(new Uint8Array(600)); }, cancel: () => void (cancelled = true) });
    const answer = await ask((r) => new Request(r.url, { method: "POST", headers: r.headers, body: stream, duplex: "half" } as RequestInit));
    assert.deepEqual([answer.status, answer.code], [413, "body_too_large"]);
    assert.ok(pulled <= 4 && cancelled, `${pulled} parts`);
  });
  test("which check failed is for the log alone", async () => {
    const old = await hooks.fetch(await kit.sign({ function: "f" }, { signedAt: new Date(0), headers: {} }));
    assert.equal(old.status, 404, "the path is looked at first");
    const own = target();
    const stale = await own.kit.deliver({ function: "f" }, { signedAt: new Date(Date.now() - 400_000), id: "dlv_7" });
    const changed = await own.kit.sign({ function: "f" });
    const forged = await own.hooks.fetch(new Request(changed.url, { method: "POST", headers: changed.headers, body: '{"function":"g"}' }));
    assert.deepEqual(stale.json, await forged.json());
    assert.equal(stale.status, 401);
    assert.match(own.logged[0]!.message, /webhook-timestamp .* look at the clocks/);
    assert.equal(own.logged[0]!.delivery, "dlv_7");
    assert.match(own.logged[1]!.message, /no entry of webhook-signature fits/);
    assert.ok(!JSON.stringify(own.logged).includes(key.slice(6)) && !JSON.stringify(own.logged).includes("v1,"));
  });
});

describe("what a handler is told", () => {
  test("beside the body", async () => {
    const { hooks, kit } = target();
    let told: Context | undefined;
    hooks.event("user.added", (_body, context) => void (told = context));
    const options = { id: "dlv_1", attempt: 3, remaining: 5000, instance: "büro 1", org: "100%", target: "audit", sequence: 41, eventId: "e 1", test: true, replay: true, redrive: true, headers: { traceparent: "00-1" } };
    await kit.event("user.added", { aggregateID: "u1" }, options);
    const c = told as Context;
    assert.deepEqual(
      [c.id, c.attempt, c.instance, c.org, c.target, c.sequence, c.test, c.replay, c.redrive, c.event.id, c.event.type],
      ["dlv_1", 3, "büro 1", "100%", "audit", 41, true, true, true, "e 1", "user.added"],
    );
    assert.equal(c.headers.get("traceparent"), "00-1");
    assert.equal(c.headers.get("callout-instance"), "b%C3%BCro%201");
    assert.match(new TextDecoder().decode(c.rawBody), /^\{"aggregateID":"u1"/);
    assert.ok(c.remaining() > 1000 && c.remaining() <= 4900, String(c.remaining()));
    assert.ok(Math.abs(c.deadline.getTime() - Date.now() - c.remaining()) < 1000);
    assert.equal(c.signal.aborted, false);
  });
  test("and what is missing", async () => {
    const { hooks, kit } = target();
    let told: Context | undefined;
    hooks.request("*", (_body, context) => void (told = context));
    await kit.request("/a.B/C", { request: {} }, { headers: { "callout-instance": "%zz", "callout-attempt": "x" } });
    const c = told as Context;
    assert.deepEqual([c.org, c.sequence, c.test, c.replay, c.redrive, c.attempt, c.instance, c.event], [undefined, undefined, false, false, false, 1, "%zz", { id: undefined, type: undefined, time: undefined }]);
  });
});

test("claims are one object together", async () => {
  const { hooks, kit } = target();
  hooks.function("one", ({ user }) => claim("uid", user.id));
  hooks.function("all", () => claim("a", [1]).claim("b", null).metadata("m", "é").metadata("n", Uint8Array.of(255)).logClaim("seen"));
  hooks.function("meta", () => metadata("m", "x")).function("log", () => logClaim("x")).function("none", () => claim("a", undefined));
  assert.deepEqual((await kit.function("one", { user: { id: "u1" } })).json, { append_claims: [{ key: "uid", value: "u1" }] });
  assert.deepEqual((await kit.function("all", {})).json, {
    append_claims: [{ key: "a", value: [1] }, { key: "b", value: null }],
    set_user_metadata: [{ key: "m", value: "w6k=" }, { key: "n", value: "/w==" }],
    append_log_claims: ["seen"],
  });
  assert.deepEqual((await kit.function("meta", {})).json, { set_user_metadata: [{ key: "m", value: "eA==" }] });
  assert.deepEqual((await kit.function("log", {})).json, { append_log_claims: ["x"] });
  assert.equal((await kit.function("none", {})).status, 500);
});
