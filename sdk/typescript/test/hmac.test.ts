// Node.js has an HMAC of its own; other run times take that of WebCrypto, which is tested here.
import assert from "node:assert/strict";
import { test } from "node:test";

interface Mac {
  importSecret(secret: Uint8Array): Promise<unknown>;
  mac(secret: unknown, prefix: string, body: Uint8Array): Promise<Uint8Array> | Uint8Array;
}
const load = (name: string) => import(new URL(`../dist/${name}.js`, import.meta.url).href) as Promise<Mac>;

test("WebCrypto and Node.js come to the same", async () => {
  const [web, node] = await Promise.all([load("hmac"), load("hmac_node")]);
  for (const size of [1, 24, 64, 65, 512]) {
    const secret = crypto.getRandomValues(new Uint8Array(size));
    const body = crypto.getRandomValues(new Uint8Array(size * 3));
    const macs = [];
    for (const by of [web, node]) macs.push(Buffer.from(await by.mac(await by.importSecret(secret), "msg_é.1700000000", body)).toString("hex"));
    assert.equal(macs[0], macs[1]);
    assert.equal(macs[0]?.length, 64);
  }
});

test("without Node.js, serve says what helps", async () => {
  const { serve } = (await load("no_host")) as unknown as { serve: () => Promise<never> };
  await assert.rejects(serve(), /export \{ fetch: hooks\.fetch \}/);
});
