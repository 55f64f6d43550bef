// Node.js has an HMAC of its own; other run times take that of WebCrypto, which is tested here.
import assert from "node:assert/strict";
import { test } from "node:test";

type Secret = (prefix: string, body: Uint8Array) => Promise<Uint8Array> | Uint8Array;
interface Mac {
  importSecret(secret: Uint8Array): Promise<Secret>;
}
interface Standard {
  readEntries(values: string[]): unknown;
  verifyStandard(values: (name: string) => string[], body: Uint8Array, entries: unknown, keys: object, now: number): string | Promise<string>;
}
const load = <T>(name: string) => import(new URL(`../dist/${name}.js`, import.meta.url).href) as Promise<T>;

test("WebCrypto and Node.js come to the same", async () => {
  const [web, node] = await Promise.all([load<Mac>("hmac"), load<Mac>("hmac_node")]);
  for (const size of [1, 24, 64, 65, 512]) {
    const secret = crypto.getRandomValues(new Uint8Array(size));
    const body = crypto.getRandomValues(new Uint8Array(size * 3));
    const macs = [];
    for (const by of [web, node]) macs.push(Buffer.from(await (await by.importSecret(secret))("msg_é.1700000000", body)).toString("hex"));
    assert.equal(macs[0], macs[1]);
    assert.equal(macs[0]?.length, 64);
  }
});

test("a signature is checked with one of two secrets, at once by Node.js and later by WebCrypto", async () => {
  const { readEntries, verifyStandard } = await load<Standard>("standard");
  const body = new TextEncoder().encode("{}");
  for (const name of ["hmac", "hmac_node"]) {
    const { importSecret } = await load<Mac>(name);
    const standard = await Promise.all([7, 8, 9].map((n) => importSecret(new Uint8Array(32).fill(n))));
    const signature = Buffer.from(await (standard[1] as Secret)("msg_1.1700000000", body)).toString("base64");
    const values = (header: string) => [header === "webhook-id" ? "msg_1" : "1700000000"];
    const check = async (...secrets: (Secret | undefined)[]) => {
      const keys = { count: secrets.length, standard: secrets, public: [], zitadel: [] };
      return verifyStandard(values, body, readEntries([`v1,${signature}`]), keys, 1_700_000_000_000);
    };
    assert.equal(await check(standard[0], standard[1]), "msg_1", name);
    await assert.rejects(check(standard[0], standard[2]), { code: "unauthorized" }, name);
  }
});

test("hex is read in its one form", async () => {
  const { fromHex } = await load<{ fromHex: (text: string) => Uint8Array | undefined }>("base64");
  assert.deepEqual(fromHex("00ff1a"), Uint8Array.of(0, 255, 26));
  for (const text of ["0", "0g", "g0", "FF", "0F", "0\u00e9", "\u00e90", " 0", "0\u{1f600}"]) assert.equal(fromHex(text), undefined, text);
});

test("without Node.js, serve says what helps", async () => {
  const { serve } = await load<{ serve: () => Promise<never> }>("no_host");
  await assert.rejects(serve(), /export \{ fetch: hooks\.fetch \}/);
});
