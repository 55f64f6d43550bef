import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { writeFileSync, mkdtempSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { test } from "node:test";

import { generateKeyPair, exportPKCS8 } from "jose";

import { callout, testKit } from "./package.js";
import { key, now, target, until, v1 } from "./sender.js";

const path = (name: string) => fileURLToPath(new URL(`../${name}`, import.meta.url));

/** Starts a program, and gives its lines as they come. */
const start = async (name: string, args: string[], env: Record<string, string> = {}) => {
  const child: ChildProcess = spawn(process.execPath, ["--no-warnings", name, ...args], { env: { PATH: process.env.PATH ?? "", ...env }, stdio: ["pipe", "pipe", "pipe"] });
  const lines: string[] = [];
  const errors: string[] = [];
  createInterface({ input: child.stdout! }).on("line", (line) => lines.push(line));
  createInterface({ input: child.stderr! }).on("line", (line) => errors.push(line));
  const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
  return { child, lines, errors, ended };
};
const listening = async (env: Record<string, string> = { CALLOUT_KEYS: key }) => {
  const run = await start(path("conformance/target.mjs"), ["0"], env);
  await until(() => run.lines.length > 0 || run.child.exitCode !== null);
  const url = /^listening on (http:\/\/127\.0\.0\.1:[0-9]+)$/.exec(run.lines[0] ?? "")?.[1];
  assert.ok(url, run.errors.join("\n"));
  return { ...run, url, kit: testKit({ fetch: (request) => fetch(request) }, { key, url }) };
};

test("it listens, is healthy, answers, and ends with 0", async () => {
  const { url, kit, child, ended, errors, lines } = await listening({ CALLOUT_KEYS: ` whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oDAAAAAAAAAAA=, ${key}` });
  const health = await fetch(`${url}/healthz`);
  assert.deepEqual([health.status, await health.json()], [200, { status: "ok" }]);
  const changed = await kit.request("/conf.v1.Things/Change", { request: { givenName: "Ada", familyName: "Lovelace" } });
  assert.deepEqual(changed.json, { displayName: "Ada Lovelace" });
  assert.equal((await kit.request("/conf.v1.Things/Throw", { request: {} })).status, 500);
  assert.equal((await kit.request("/conf.v1.Things/Hang", { request: {} }, { remaining: 1500 })).status, 504);
  child.kill("SIGTERM");
  assert.equal(await ended, 0);
  assert.equal(lines.length, 1);
  assert.equal(errors.length, 2, errors.join("\n"));
  assert.match(errors[0]!, /^callout error handler_failed: the handler threw condition="request \/conf\.v1\.Things\/Throw" delivery=.* error="Error: secret inside/);
});

test("it finishes what it has begun upon a signal", async () => {
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    const { kit, child, ended } = await listening();
    let slow: Promise<{ status: number }>;
    let n = 0;
    do {
      const id = `slow_${n++}`;
      slow = kit.event("slow.thing", {}, { id });
    } while ((await kit.event("slow.thing", {}, { id: `slow_${n - 1}` })).status !== 409); // until one is under way
    child.kill(signal);
    assert.equal((await slow).status, 204);
    assert.equal(await ended, 0);
  }
});

test("it says that it drains, and takes nothing more", async () => {
  const { hooks, logged } = target();
  let open!: () => void;
  let begun = false;
  hooks.event("*", () => ((begun = true), new Promise<void>((resolve) => (open = resolve))));
  const server = await hooks.serve(0, { host: "127.0.0.1", signals: false });
  const kit = testKit({ fetch: (request) => fetch(request) }, { key, url: server.url });
  const slow = kit.event("a");
  await until(() => begun);
  const closed = server.close();
  const health = await fetch(`${server.url}/healthz`);
  assert.deepEqual([health.status, await health.json()], [503, { status: "draining" }]);
  const refused = await kit.event("b");
  assert.deepEqual([refused.status, refused.json.code, refused.headers.get("connection")], [503, "unavailable", "close"]);
  assert.equal(logged[0]?.message, "the receiver drains");
  open();
  assert.equal((await slow).status, 204);
  await closed;
  await assert.rejects(fetch(server.url), "it is closed");
});

test("a handler that never ends does not keep it from ending", async () => {
  const { kit, child, ended } = await listening();
  const hung = kit.request("/conf.v1.Things/Hang", { request: {} }, { remaining: 3_600_000 }).catch(() => undefined);
  await new Promise((resolve) => setTimeout(resolve, 100));
  const before = Date.now();
  child.kill("SIGTERM");
  assert.equal(await ended, 0);
  assert.ok(Date.now() - before > 8_000, "it waited");
  await hung;
});

test("headers have 64 KiB and 10 seconds", async () => {
  const { hooks } = target();
  const server = await hooks.serve(0, { host: "127.0.0.1", signals: false });
  try {
    const big = (size: number) => fetch(server.url, { headers: { a: "x".repeat(size) } }).then((r) => r.status);
    assert.equal(await big(60_000), 405);
    assert.equal(await big(66_000), 431);
    const before = Date.now();
    const slow = connect(server.port, "127.0.0.1");
    slow.write("POST / HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{");
    const answer = await new Promise<string>((resolve) => {
      let text = "";
      slow.on("data", (part) => (text += String(part))).on("close", () => resolve(text));
    });
    assert.match(answer, /^HTTP\/1\.1 408 /);
    assert.ok(Date.now() - before >= 9_900, "not sooner");
  } finally {
    await server.close();
  }
  await assert.rejects(fetch(server.url), "it is closed");
});

test("a port that is taken rejects", async () => {
  const first = await target().hooks.serve(0, { host: "127.0.0.1", signals: false });
  await assert.rejects(target().hooks.serve(first.port, { host: "127.0.0.1", signals: false }), { code: "EADDRINUSE" });
  await first.close();
});

test("the environment", async () => {
  const folder = mkdtempSync(join(tmpdir(), "callout-"));
  const saved = { ...process.env };
  const set = (env: Record<string, string>) => {
    for (const name of Object.keys(process.env)) if (name.startsWith("CALLOUT_")) delete process.env[name];
    Object.assign(process.env, env);
  };
  try {
    set({});
    assert.throws(() => callout(), /set CALLOUT_KEYS/);
    set({ CALLOUT_KEYS: "whsec_x" });
    assert.throws(() => callout(), /24 to 64 bytes/);
    set({ CALLOUT_PAYLOAD: "xml", CALLOUT_KEYS: key });
    assert.throws(() => callout(), /CALLOUT_PAYLOAD is jwt or jwe/);
    set({ CALLOUT_PRIVATE_KEYS: "nothing", CALLOUT_KEYS: key });
    assert.throws(() => callout(), /KID=PATH/);
    const pair = await generateKeyPair("RSA-OAEP-256", { extractable: true });
    writeFileSync(join(folder, "k1.pem"), await exportPKCS8(pair.privateKey));
    const jwe = { CALLOUT_PAYLOAD: "jwe", CALLOUT_JWKS: "http://127.0.0.1:9/jwks", CALLOUT_ISSUER: "i", CALLOUT_AUDIENCE: "a" };
    set({ ...jwe, CALLOUT_PRIVATE_KEYS: `k1=${join(folder, "k1.pem")}` });
    await callout().ready();
    set({ ...jwe, CALLOUT_PRIVATE_KEYS: `k1=${join(folder, "none.pem")}` });
    await assert.rejects(callout().ready(), { code: "ENOENT" });
    set({ CALLOUT_KEYS: key });
    const kit = testKit(callout({ path: "/x" }).function("f", () => ({})), { url: "http://localhost/x" });
    assert.equal((await kit.function("f", {})).status, 200, "keys of the environment beside an option");
  } finally {
    process.env = saved;
    rmSync(folder, { recursive: true });
  }
});

test("the verifier of the kit", async () => {
  const { child, lines, ended } = await start(path("conformance/verifier.mjs"), []);
  const body = '{"function":"f"}';
  const given = { now, keys: [key], headers: [["Webhook-Id", "m"], ["Webhook-Timestamp", String(now)], ["Webhook-Signature", v1(key, "m", now, body)]], body: Buffer.from(body).toString("base64") };
  for (const one of [{ id: "1", ...given }, { id: "2", ...given, now: now + 301 }, { id: "3", ...given, keys: ["whsec_x"] }, { id: "4", ...given, keys: [] }]) child.stdin!.write(`${JSON.stringify(one)}\n`);
  child.stdin!.end();
  assert.equal(await ended, 0);
  assert.deepEqual(lines.map((line) => JSON.parse(line)), [{ id: "1", ok: true, delivery_id: "m", body: given.body }, { id: "2", ok: false }, { id: "3", ok: false }, { id: "4", ok: false }]);
});
