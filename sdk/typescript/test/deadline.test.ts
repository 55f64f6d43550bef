import assert from "node:assert/strict";
import { test } from "node:test";

import { target, until } from "./sender.js";

test("a handler that hangs is answered 504, and told", async () => {
  const { hooks, kit, logged } = target();
  const told: string[] = [];
  hooks.request("*", (_body, { signal }) => new Promise<void>(() => signal.addEventListener("abort", () => told.push((signal.reason as Error).name))));
  const { status, json } = await kit.request("/a.B/C", { request: {} }, { remaining: 1500 });
  assert.deepEqual([status, json], [504, { code: "handler_timeout", message: "the handler did not answer in time" }]);
  assert.deepEqual(told, ["TimeoutError"]);
  assert.equal(logged[0]?.condition, "request /a.B/C");
});

test("time is what is left, less a tenth, at most 100 ms", async () => {
  const { hooks, kit } = target();
  hooks.request("*", (_body, context) => ({ left: context.remaining() }));
  const said: [string | undefined, number][] = [["500", 450], ["5000", 4900], ["3600000", 3_599_900], ["3600001", 9900], ["-1", 9900], ["1e3", 9900], ["", 9900], ["x", 9900], ["9".repeat(40), 9900]];
  for (const [header, most] of said) {
    const { json } = await kit.request("/a.B/C", { request: {} }, { headers: { "callout-remaining-ms": header ?? "" } });
    // A loaded machine may take its time, but none of these is in the reach of another.
    assert.ok(json.left <= most && json.left > most - 400, `${header}: ${json.left} of ${most}`);
  }
});

test("no time at all runs no handler", async () => {
  const { hooks, kit } = target();
  let ran = 0;
  hooks.request("*", () => void ran++);
  assert.equal((await kit.request("/a.B/C", { request: {} }, { remaining: 0 })).status, 504);
  assert.equal(ran, 0);
});

test("a signal that is asked for late is aborted already", async () => {
  const { hooks, kit } = target();
  let aborted: boolean | undefined;
  hooks.request("*", async (_body, context) => {
    await new Promise((resolve) => setTimeout(resolve, 2000));
    aborted = context.signal.aborted;
  });
  assert.equal((await kit.request("/a.B/C", { request: {} }, { remaining: 1500 })).status, 504);
  await until(() => aborted !== undefined);
  assert.equal(aborted, true);
});

test("a handler that fails behind its 504 is in the log, and harms nobody", async () => {
  const { hooks, kit, logged } = target();
  hooks.request("*", async (_body, { signal }) => {
    await new Promise((resolve) => signal.addEventListener("abort", resolve));
    throw new Error("too late");
  });
  assert.equal((await kit.request("/a.B/C", { request: {} }, { remaining: 1500 })).status, 504);
  await until(() => logged.some((entry) => (entry.error as Error | undefined)?.message === "too late"));
});

test("a handler in time leaves no timer behind, and one that answers at once needs none", async () => {
  const { hooks, kit } = target();
  const timers = () => process.getActiveResourcesInfo().filter((kind) => kind === "Timeout").length;
  const before = timers();
  const during: number[] = [];
  hooks.request("/a.B/Later", async () => {
    await new Promise(setImmediate);
    during.push(timers());
  });
  hooks.request("/a.B/Fails", () => Promise.reject(new Error("broken")));
  hooks.request("/a.B/AtOnce", () => void queueMicrotask(() => during.push(timers())));
  await kit.request("/a.B/Later", { request: {} });
  await kit.request("/a.B/Fails", { request: {} });
  await until(() => timers() <= before + 1); // until's own
  await kit.request("/a.B/AtOnce", { request: {} });
  assert.deepEqual(during, [before + 1, before]);
});

test("what a handler answers is waited for, whoever made the promise", async () => {
  const { hooks, kit, logged } = target();
  // eslint-disable-next-line unicorn/no-thenable
  hooks.request("/a.B/Thenable", () => ({ then: (tell: (value: object) => void) => setImmediate(tell, { by: "thenable" }) }) as unknown as Promise<object>);
  hooks.request("/a.B/Throws", () => {
    throw new Error("at once");
  });
  assert.deepEqual((await kit.request("/a.B/Thenable", { request: {} })).json, { by: "thenable" });
  assert.equal((await kit.request("/a.B/Throws", { request: {} })).status, 500);
  assert.deepEqual([logged[0]?.message, (logged[0]?.error as Error).message], ["the handler threw", "at once"]);
});

test("draining waits for a handler that goes on behind its 504", async () => {
  const { hooks, kit } = target();
  let end = (): void => {};
  hooks.request("*", () => new Promise<void>((resolve) => (end = resolve)));
  assert.equal((await kit.request("/a.B/C", { request: {} }, { remaining: 1500 })).status, 504);
  let drained = false;
  const all = hooks.drain().then(() => (drained = true));
  await new Promise(setImmediate);
  assert.equal(drained, false);
  end();
  await all;
});
