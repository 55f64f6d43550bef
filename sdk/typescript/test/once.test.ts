import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";

import { MemoryStore, never } from "./package.js";
import { target, until } from "./sender.js";

const gate = () => {
  let open!: (value?: unknown) => void;
  const passed = new Promise((resolve) => (open = resolve));
  return { open, passed };
};

describe("once", () => {
  test("a delivery that is done runs no handler", async () => {
    const { hooks, kit } = target();
    let ran = 0;
    hooks.event("*", () => void ran++);
    assert.equal((await kit.event("a", {}, { id: "d1" })).headers.get("callout-duplicate"), null);
    const again = await kit.event("a", {}, { id: "d1", attempt: 2 });
    assert.deepEqual([again.status, again.headers.get("callout-duplicate"), again.json], [204, "true", undefined]);
    await kit.event("a", {}, { id: "d2" });
    assert.equal(ran, 2);
  });
  test("not before its handler has succeeded", async () => {
    const { hooks, kit } = target();
    let ran = 0;
    hooks.event("fails", () => { if (ran++ === 0) throw new Error("once"); });
    hooks.event("never", () => (ran++, never("no use")));
    assert.deepEqual([(await kit.event("fails", {}, { id: "d1" })).status, (await kit.event("fails", {}, { id: "d1" })).status, (await kit.event("fails", {}, { id: "d1" })).status], [500, 204, 204]);
    assert.equal(ran, 2);
    assert.deepEqual([(await kit.event("never", {}, { id: "d2" })).status, (await kit.event("never", {}, { id: "d2" })).status], [422, 422]);
    assert.equal(ran, 4);
  });
  test("one that runs at this moment is 409", async () => {
    const { hooks, kit } = target();
    const { open, passed } = gate();
    hooks.event("*", () => passed);
    const first = kit.event("a", {}, { id: "d1" });
    const second = await kit.event("a", {}, { id: "d1" });
    assert.deepEqual([second.status, second.json.code], [409, "in_progress"]);
    open();
    assert.equal((await first).status, 204);
    assert.equal((await kit.event("a", {}, { id: "d1" })).headers.get("callout-duplicate"), "true");
  });
  test("one that succeeds behind its 504 is done too", async () => {
    const { hooks, kit } = target();
    const { open, passed } = gate();
    let ran = 0;
    hooks.event("*", () => (ran++, passed));
    assert.equal((await kit.event("a", {}, { id: "d1", remaining: 1500 })).status, 504);
    assert.equal((await kit.event("a", {}, { id: "d1" })).status, 409);
    open();
    await until(async () => (await kit.event("a", {}, { id: "d1" })).headers.get("callout-duplicate") === "true");
    assert.equal(ran, 1);
  });
  test("an async call is a delivery, a call that somebody waits for is none", async () => {
    const { hooks, kit } = target();
    let ran = 0;
    hooks.response("*", () => ({ ran: ++ran }));
    const body = { request: {}, response: {} };
    assert.deepEqual((await kit.response("/a.B/C", body, { id: "d1", sequence: 9 })).json, { ran: 1 });
    assert.equal((await kit.response("/a.B/C", body, { id: "d1", sequence: 9 })).headers.get("callout-duplicate"), "true");
    assert.deepEqual((await kit.response("/a.B/C", body, { id: "d1" })).json, { ran: 2 });
    assert.deepEqual((await kit.response("/a.B/C", body, { id: "d1" })).json, { ran: 3 });
  });
  test("a sample is none either", async () => {
    const { hooks, kit } = target();
    let ran = 0;
    hooks.event("*", () => void ran++);
    for (let n = 0; n < 2; n++) assert.equal((await kit.event("a", {}, { id: "d1", test: true })).status, 204);
    assert.equal(ran, 2);
    await kit.event("a", {}, { id: "d1" });
    assert.equal(ran, 3, "nothing was kept of a sample");
  });
  test("without an id there is no dedup", async () => {
    const { hooks } = target({ keys: undefined, unsigned: true });
    let ran = 0;
    hooks.event("*", () => void ran++);
    const send = () => hooks.fetch(new Request("http://localhost/", { method: "POST", headers: { "content-type": "application/json" }, body: '{"event_type":"a"}' }));
    await send();
    await send();
    assert.equal(ran, 2);
  });
  test("what is malformed is told before a duplicate, an unknown condition behind it", async () => {
    const { kit } = target({ store: { seen: () => true, done: () => {} } });
    assert.equal((await kit.event("none")).headers.get("callout-duplicate"), "true");
    assert.equal((await kit.deliver({}, { sequence: 1 })).status, 400);
  });
});

describe("a store", () => {
  test("of one's own is asked, and told after success", async () => {
    const said: string[] = [];
    const store = { seen: async (id: string) => (said.push(`seen ${id}`), false), done: async (id: string) => (await wait(1), void said.push(`done ${id}`)) };
    const { hooks, kit } = target({ store });
    hooks.event("ok", () => void said.push("runs")).event("fails", () => { throw new Error("no"); });
    await kit.event("ok", {}, { id: "d1" });
    await kit.event("fails", {}, { id: "d2" });
    assert.deepEqual(said, ["seen d1", "runs", "done d1", "seen d2"]);
  });
  test("that fails is 503", async () => {
    const fail = () => { throw new Error("secret inside"); };
    let ran = 0;
    for (const store of [{ seen: fail, done: () => {} }, { seen: () => false, done: () => Promise.reject(new Error("secret inside")) }]) {
      const { hooks, kit, logged } = target({ store });
      hooks.event("*", () => void ran++);
      const { status, json } = await kit.event("a");
      assert.deepEqual([status, json], [503, { code: "unavailable", message: "not available now" }]);
      assert.equal((logged[0]?.error as Error).message, "secret inside");
    }
    assert.equal(ran, 1);
  });
  test("in memory keeps 10,000 ids for 10 minutes", (t) => {
    t.mock.timers.enable({ apis: ["Date"] });
    const store = new MemoryStore();
    for (let n = 0; n < 10_001; n++) store.done(`d${n}`);
    assert.deepEqual([store.seen("d0"), store.seen("d1"), store.seen("d10000"), store.seen("other")], [false, true, true, false]);
    t.mock.timers.tick(599_999);
    assert.equal(store.seen("d1"), true);
    t.mock.timers.tick(1);
    assert.equal(store.seen("d1"), false);
  });
});
