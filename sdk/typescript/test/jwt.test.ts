import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, test } from "node:test";

import { CompactEncrypt, CompactSign, exportJWK, exportPKCS8, generateKeyPair } from "jose";

import { Verifier, type VerifierOptions } from "./package.js";
import { body, key, now, v1, values } from "./sender.js";

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
const bytes = (t: string) => new TextEncoder().encode(t);
const b64 = (value: unknown) => Buffer.from(typeof value === "string" ? value : JSON.stringify(value)).toString("base64url");

const ed = await generateKeyPair("EdDSA", { crv: "Ed25519", extractable: true });
const rsa = await generateKeyPair("RS256", { extractable: true });
const stranger = await generateKeyPair("EdDSA", { crv: "Ed25519", extractable: true });
const jwks = {
  keys: [
    { ...(await exportJWK(ed.publicKey)), kid: "ed", alg: "EdDSA", use: "sig", whpk: "whpk_x" },
    { ...(await exportJWK(rsa.publicKey)), kid: "rsa", alg: "RS256", use: "sig" },
    { ...(await exportJWK(stranger.publicKey)), kid: "enc", use: "enc" },
    { kty: "oct", k: "AAAA", kid: "oct" },
  ],
};
const claims = { iss: "default", aud: "name", jti: "dlv_1", iat: now, exp: now + 300 };
const payload = (more: object = {}) => JSON.stringify({ ...JSON.parse(body), ...claims, ...more });
const signed = (content = payload(), header: object = {}, by = ed.privateKey) =>
  new CompactSign(bytes(content)).setProtectedHeader({ alg: "EdDSA", kid: "ed", typ: "JWT", ...header }).sign(by);

const take = (jwt: string, options: VerifierOptions = {}, headers: [string, string][] = []) =>
  new Verifier({ payload: "jwt", jwks, issuer: "default", audience: "name", now: () => now * 1000, ...options }).verify(values(headers), bytes(jwt));
const refused = async (jwt: string, options: VerifierOptions = {}) => {
  await assert.rejects(take(jwt, options), { code: "unauthorized" });
};

describe("JWT", () => {
  test("EdDSA and RS256: taken, with the payload and jti", async () => {
    for (const jwt of [await signed(), await signed(payload(), { alg: "RS256", kid: "rsa" }, rsa.privateKey)]) {
      const genuine = await take(jwt);
      assert.equal(text(genuine.body), payload());
      assert.equal(genuine.id, "dlv_1");
    }
  });
  test("what is not told is not looked at", async () => {
    await take(await signed(payload({ iss: "x", aud: "y" })), { issuer: undefined, audience: undefined });
  });

  const headers: Record<string, object> = {
    "another typ": { typ: "at+jwt" }, "no typ": { typ: undefined }, "a kid that nobody has": { kid: "none" }, "a key to encrypt with": { kid: "enc" },
    "no kid": { kid: undefined }, "the kid of a key of another algorithm": { kid: "rsa" }, "a key of its own": { jwk: jwks.keys[0] }, "the address of one": { jku: "http://127.0.0.1/" },
    "a content type": { cty: "JWT" },
  };
  for (const [name, header] of Object.entries(headers)) test(`${name}: refused`, async () => refused(await signed(payload(), header)));

  const contents: Record<string, string> = {
    "another iss": payload({ iss: "other" }), "another aud": payload({ aud: "other" }), "aud as a list": payload({ aud: ["name"] }),
    "jti that is no text": payload({ jti: 7 }), "no iat": payload({ iat: undefined }), "iat 301 s ago": payload({ iat: now - 301 }), "iat in 301 s": payload({ iat: now + 301 }),
    "exp 301 s ago": payload({ exp: now - 301 }), "no exp": payload({ exp: undefined }), "exp as a text": payload({ exp: String(now) }),
    "iat with a fraction": payload().replace(`"iat":${now}`, `"iat":${now}.0`), "iat with an exponent": payload().replace(`"iat":${now}`, '"iat":17e8'),
    "a claim twice": payload().replace("{", '{"iss":"other",'), "no object": "[1]", "no JSON": "x",
  };
  for (const [name, content] of Object.entries(contents)) test(`${name}: refused`, async () => refused(await signed(content)));

  test("exp 300 s ago, and members with brackets in them: taken", async () => {
    await take(await signed(payload({ exp: now - 300, x: { '"}': ["{", "\\"] } })));
  });
  test("signed by a stranger, changed, unsigned, in pieces: refused", async () => {
    const jwt = await signed();
    const [head, , signature] = jwt.split(".") as [string, string, string];
    await refused(await signed(payload(), {}, stranger.privateKey));
    await refused(`${head}.${b64(payload({ userID: "root" }))}.${signature}`);
    await refused(`${b64({ alg: "none", kid: "ed", typ: "JWT" })}.${b64(payload())}.`);
    for (const odd of [`${jwt}\n`, ` ${jwt}`, `${jwt}=`, `${jwt}.x`, jwt.slice(0, jwt.lastIndexOf(".")), "", body]) await refused(odd);
    await refused(`${b64('{"alg":"EdDSA","alg":"EdDSA","kid":"ed","typ":"JWT"}')}.${jwt.split(".").slice(1).join(".")}`);
  });
  test("with keys a signature of theirs is demanded beside it", async () => {
    const jwt = await signed();
    await assert.rejects(take(jwt, { keys: key }), { code: "unauthorized" });
    const headers: [string, string][] = [["webhook-id", "msg_9"], ["webhook-timestamp", String(now)], ["webhook-signature", v1(key, "msg_9", now, jwt)]];
    assert.equal((await take(jwt, { keys: key }, headers)).id, "msg_9");
    await assert.rejects(take(await signed(payload(), {}, stranger.privateKey), { keys: key }, headers), { code: "unauthorized" });
  });
  test("a set of keys that is none: refused when the receiver is made", () => {
    for (const set of [{}, { keys: {} }, { keys: [jwks.keys[0], jwks.keys[0]] }, { keys: Array.from({ length: 65 }, () => ({})) }]) {
      assert.throws(() => new Verifier({ payload: "jwt", jwks: set as never }), TypeError);
    }
    assert.throws(() => new Verifier({ payload: "jwt" }), /needs jwks/);
    assert.throws(() => new Verifier({ payload: "jwt", jwks: "file:///etc/keys" }), /http or https/);
  });
  test("an RSA key of less than 2048 bits is passed over", async () => {
    const { n, e } = await exportJWK(rsa.publicKey);
    const short = { kty: "RSA", kid: "rsa", e, n: Buffer.from(n as string, "base64url").subarray(0, 255).toString("base64url") };
    await refused(await signed(payload(), { alg: "RS256", kid: "rsa" }, rsa.privateKey), { jwks: { keys: [short] } });
  });
});

describe("JWE", () => {
  const pair = async (alg: string, options: object) => {
    const made = await generateKeyPair(alg, { extractable: true, ...options });
    return { ...made, pem: await exportPKCS8(made.privateKey) };
  };
  const kinds: [string, object][] = [["RSA-OAEP-256", {}], ["ECDH-ES+A256KW", { crv: "P-256" }], ["ECDH-ES+A256KW", { crv: "P-384" }], ["ECDH-ES+A256KW", { crv: "P-521" }]];
  for (const [alg, options] of kinds) {
    test(`${alg} ${JSON.stringify(options)}`, async () => {
      const { publicKey, pem } = await pair(alg, options);
      const seal = (header: object = {}, jwt?: string) =>
        signed().then((inner) => new CompactEncrypt(bytes(jwt ?? inner)).setProtectedHeader({ alg, enc: "A256GCM", cty: "JWT", typ: "JWT", kid: "k1", ...header }).encrypt(publicKey));
      const open = { payload: "jwe", privateKeys: { k1: pem } } as const;
      const jwe = await seal();
      assert.equal(text((await take(jwe, open)).body), payload());
      const more = alg.startsWith("RSA") ? [{ epk: { kty: "EC" } }] : [{ apu: "QQ" }];
      for (const header of [{ cty: "text" }, { typ: undefined }, { kid: "k2" }, { enc: "A128GCM" }, ...more]) await refused(await seal(header), open);
      const parts = jwe.split(".");
      for (const n of [0, 1, 2, 3, 4]) {
        const cut = parts.map((part, at) => (at === n ? part.slice(0, -4) || "AAAA" : part)).join(".");
        await refused(cut, open);
      }
      await refused(await signed(), open);
      await refused(await seal({}, "no JWT"), open);
      const other = await pair(alg, options);
      await refused(jwe, { payload: "jwe", privateKeys: { k1: other.pem } });
    });
  }
  test("a private key that is none: refused, and nothing of it told", async () => {
    const make = (pem: string) => new Verifier({ payload: "jwe", jwks, privateKeys: { k1: pem } }).ready();
    for (const pem of ["", "secret", "-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----"]) {
      await assert.rejects(make(pem), (e: Error) => e instanceof TypeError && !e.message.includes("secret"));
    }
    assert.throws(() => new Verifier({ payload: "jwe", jwks }), /needs privateKeys/);
  });
});

describe("a JWKS that is fetched", () => {
  const serve = async (answer: { status?: number; control?: string; set: unknown }) => {
    const asked = { times: 0 };
    const server = createServer((_request, response) => {
      asked.times++;
      response.writeHead(answer.status ?? 200, answer.control === undefined ? {} : { "cache-control": answer.control });
      response.end(JSON.stringify(answer.set));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks`;
    return { asked, url, close: () => void server.close().closeAllConnections() };
  };
  const at = (url: string) => {
    const clock = { now: now * 1000 };
    const verifier = new Verifier({ payload: "jwt", jwks: url, now: () => clock.now });
    return { clock, ask: async (jwt: string) => verifier.verify(values([]), bytes(jwt)).then(() => "taken", (e: { code: string }) => e.code) };
  };

  test("is kept for what Cache-Control says, and fetched once for all who ask", async () => {
    for (const [control, seconds] of [["public, max-age=60", 60], [undefined, 300], ["max-age=999999", 3600], ["no-store", 0]] as const) {
      const source = await serve({ ...(control === undefined ? {} : { control }), set: jwks });
      try {
        const { clock, ask } = at(source.url);
        const jwt = await signed(payload({ iat: now, exp: now + 9999 }));
        assert.deepEqual(await Promise.all([ask(jwt), ask(jwt), ask(jwt)]), ["taken", "taken", "taken"]);
        if (seconds > 0) {
          assert.equal(source.asked.times, 1);
          clock.now += seconds * 1000 - 1;
          await ask(jwt);
          assert.equal(source.asked.times, 1, "kept to its end");
        }
        const before = source.asked.times;
        clock.now += 1;
        await ask(jwt);
        assert.equal(source.asked.times, before + 1, "and no longer");
      } finally {
        source.close();
      }
    }
  });
  test("is fetched again for another kid, once in 10 seconds", async () => {
    const answer = { set: { keys: [jwks.keys[1]] } as unknown };
    const source = await serve(answer);
    try {
      const { clock, ask } = at(source.url);
      const jwt = await signed();
      assert.equal(await ask(jwt), "unauthorized");
      answer.set = jwks;
      clock.now += 9_999;
      assert.equal(await ask(jwt), "unauthorized");
      assert.equal(source.asked.times, 1);
      clock.now += 1;
      assert.equal(await ask(jwt), "taken");
      assert.equal(source.asked.times, 2);
    } finally {
      source.close();
    }
  });
  test("and cannot be: 503, since the request may be genuine", async () => {
    for (const answer of [{ status: 500, set: jwks }, { set: "none" }, { set: { keys: [], x: "x".repeat(300_000) } }, { status: 302, set: jwks }]) {
      const source = await serve(answer);
      assert.equal(await at(source.url).ask(await signed()), "unavailable");
      source.close();
    }
  });
  test("and cannot be: nobody is asked again for a second, whatever strangers send", async () => {
    const answer = { status: 500, set: jwks as unknown };
    const source = await serve(answer);
    try {
      const { clock, ask } = at(source.url);
      const jwt = await signed(payload(), { kid: "none" });
      for (let n = 0; n < 5; n++) assert.equal(await ask(jwt), "unavailable");
      assert.equal(source.asked.times, 1);
      clock.now += 999;
      assert.equal(await ask(jwt), "unavailable");
      assert.equal(source.asked.times, 1);
      clock.now += 1;
      answer.status = 200;
      assert.equal(await ask(await signed()), "taken");
      assert.equal(source.asked.times, 2);
    } finally {
      source.close();
    }
  });
  test("without a payload, its ed25519 keys verify v1a beside those of the receiver", async () => {
    const answer = { set: { keys: [jwks.keys[1]] } as unknown };
    const source = await serve(answer);
    try {
      const clock = { now: now * 1000 };
      const verifier = new Verifier({ jwks: source.url, now: () => clock.now });
      const private_ = await crypto.subtle.importKey("jwk", { ...(await exportJWK(ed.privateKey)), alg: undefined, key_ops: undefined } as never, { name: "Ed25519" }, false, ["sign"]);
      const signature = Buffer.from(await crypto.subtle.sign("Ed25519", private_, bytes(`m.${now}.${body}`))).toString("base64");
      const headers: [string, string][] = [["webhook-id", "m"], ["webhook-timestamp", String(now)], ["webhook-signature", `v1a,${signature}`]];
      const ask = (text = body) => verifier.verify(values(headers), bytes(text)).then(({ id }) => id, (e: { code: string }) => e.code);
      assert.equal(await ask(), "unauthorized");
      answer.set = jwks;
      clock.now += 9_999;
      assert.equal(await ask(), "unauthorized");
      clock.now += 1;
      assert.equal(await ask(), "m");
      assert.equal(await ask(`${body} `), "unauthorized");
      assert.equal(source.asked.times, 2);
      await assert.rejects(verifier.verify(values([["zitadel-signature", `t=${now},v1=00`]]), bytes(body)), { code: "unauthorized" });
      const beside = new Verifier({ jwks: source.url, payload: "jwt", keys: key, now: () => clock.now });
      await assert.rejects(beside.verify(values(headers), bytes(body)), { code: "unauthorized" }, "with a payload they are for JWTs alone");
    } finally {
      source.close();
    }
  });
  test("nothing is fetched for what is no JWT", async () => {
    const source = await serve({ set: jwks });
    assert.equal(await at(source.url).ask(body), "unauthorized");
    assert.equal(source.asked.times, 0);
    source.close();
  });
});
