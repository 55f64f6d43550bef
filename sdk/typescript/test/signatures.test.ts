import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";

import { type Scheme, Verifier } from "./package.js";
import { body, hex, key, now, otherKey, v1, v1a, values, zitadel } from "./sender.js";

type Headers = readonly (readonly [string, string])[];

const bytes = (text: string) => new TextEncoder().encode(text);
const taken = async (headers: Headers, options: { keys?: string[]; schemes?: Scheme[]; at?: number; body?: string } = {}) => {
  const verifier = new Verifier({ keys: options.keys ?? [key], schemes: options.schemes, now: () => options.at ?? now * 1000 });
  return verifier.verify(values(headers), bytes(options.body ?? body)).then(
    () => true,
    (refusal: { code: string }) => (assert.equal(refusal.code, "unauthorized"), false),
  );
};
const standard = (signature = v1(key, "msg_1", now, body), id = "msg_1", stamp: string | number = now): Headers => [
  ["webhook-id", id],
  ["webhook-timestamp", String(stamp)],
  ["webhook-signature", signature],
];
const ofZitadel = (value: string): Headers => [["zitadel-signature", value]];
const good = v1(key, "msg_1", now, body);
const goodZitadel = zitadel(key, now, body);
const seed = Buffer.alloc(32, 7);
const many = (n: number, part: string, between: string) => Array.from({ length: n }, () => part).join(between);
const bad = v1(otherKey, "msg_1", now, body);

test("a key that is wrong is told by its place", () => {
  const keys = ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whpk_secret"];
  assert.throws(() => new Verifier({ keys }), { message: "callout: key 2: a whpk_ key is 32 bytes in padded standard base64" });
});

describe("published vectors", () => {
  interface Vector { name: string; secret: string; public_key?: string; id: string; timestamp: number; body_base64: string; signature: string }
  const file = new URL("../test/data/standard-webhooks.json", import.meta.url);
  for (const v of JSON.parse(readFileSync(file, "utf8")) as Vector[]) {
    test(v.name, async () => {
      if (v.name.includes("below spec minimum")) {
        assert.throws(() => new Verifier({ keys: v.secret }), /24 to 64 bytes/);
        return;
      }
      for (const one of [v.secret, ...(v.public_key ? [v.public_key] : [])]) {
        const verifier = new Verifier({ keys: one, now: () => v.timestamp * 1000 });
        const sent = Buffer.from(v.body_base64, "base64");
        const genuine = await verifier.verify(values(standard(v.signature, v.id, v.timestamp)), sent);
        assert.equal(genuine.id, v.id);
        sent[2]! ^= 1;
        await assert.rejects(verifier.verify(values(standard(v.signature, v.id, v.timestamp)), sent), { code: "unauthorized" });
      }
    });
  }
});

describe("Standard Webhooks", () => {
  const cases: Record<string, [boolean, Headers, Parameters<typeof taken>[1]?]> = {
    "right": [true, standard()],
    "the body was changed": [false, standard(), { body: `${body} ` }],
    "another key": [false, standard(bad)],
    "one of several keys": [true, standard(), { keys: [otherKey, key] }],
    "one of several signatures": [true, standard(`${bad} ${good}`)],
    "doubled spaces": [true, standard(`${bad}   ${good}`)],
    "a comma and a space between": [true, standard(`${bad}, ${good}`)],
    "several headers": [true, [...standard(bad), ["webhook-signature", good]]],
    "a tab between": [false, standard(`${bad}\t${good}`)],
    "a tab beside a right one": [false, standard(`${good} \tx`)],
    "a third field": [false, standard(`${good},x`)],
    "junk behind": [false, standard(`${good}x`)],
    "unpadded": [false, standard(good.replace(/=+$/, ""))],
    "URL-safe": [false, standard(good.replaceAll("+", "-").replaceAll("/", "_").replace(/=$/, ""))],
    "other bits in the last character": [false, standard(good.replace(/.=$/, (end) => `${String.fromCharCode(end.charCodeAt(0) + 1)}=`))],
    "another version beside": [true, standard(`v2,AAAA ${good}`)],
    "another version alone": [false, standard(good.replace("v1,", "v2,"))],
    "an id with a dot": [false, standard(v1(key, "msg.1", now, body), "msg.1")],
    "an id of 255": [true, standard(v1(key, "a".repeat(255), now, body), "a".repeat(255))],
    "an id of 256": [false, standard(v1(key, "a".repeat(256), now, body), "a".repeat(256))],
    "an empty id": [false, standard(v1(key, "", now, body), "")],
    "an id with a space": [false, standard(v1(key, "a b", now, body), "a b")],
    "two ids": [false, [...standard(), ["webhook-id", "msg_1"]]],
    "two timestamps": [false, [...standard(), ["webhook-timestamp", String(now)]]],
    "no timestamp": [false, standard().filter(([name]) => name !== "webhook-timestamp")],
    "64 entries": [true, standard(`${many(63, "x", " ")} ${good}`)],
    "65 entries": [false, standard(`${many(64, "x", " ")} ${good}`)],
    "four more than keys": [true, standard(`${many(4, bad, " ")} ${good}`)],
    "five more than keys": [false, standard(`${many(5, bad, " ")} ${good}`)],
    "bare base64 as a key": [true, standard(), { keys: [key.replace("whsec_", "")] }],
    "v1a": [true, standard(v1a(seed, "msg_1", now, body)), { keys: [`whsk_${seed.toString("base64")}`] }],
    "v1a of another key": [false, standard(v1a(Buffer.alloc(32, 8), "msg_1", now, body)), { keys: [`whsk_${seed.toString("base64")}`] }],
    "v1a and a zero behind": [false, standard(`v1a,${Buffer.concat([Buffer.from(v1a(seed, "msg_1", now, body).slice(4), "base64"), Buffer.alloc(1)]).toString("base64")}`), { keys: [`whsk_${seed.toString("base64")}`] }],
    "v1a of 63 bytes": [false, standard(`v1a,${Buffer.alloc(63).toString("base64")}`), { keys: [`whsk_${seed.toString("base64")}`] }],
  };
  for (const [name, [want, headers, options]] of Object.entries(cases)) {
    test(`${name}: ${want ? "taken" : "refused"}`, async () => assert.equal(await taken(headers, options), want));
  }
});

describe("timestamps", () => {
  const at = (stamp: string, clock: number) => taken(standard(v1(key, "m", stamp, body), "m", stamp), { at: clock });
  const wrong = ["+1700000000", "01700000000", " 1700000000", "1700000000 ", "1700000000.0", "1.7e9", "-1700000000", "", "1700000000000", "0x6553f100", "１７００００００００"];
  for (const stamp of wrong) test(`${JSON.stringify(stamp)}: refused`, async () => assert.equal(await at(stamp, now * 1000), false));
  const clocks: [number, boolean][] = [[300_000, true], [300_001, false], [-300_000, true], [-300_001, false]];
  for (const [ahead, want] of clocks) {
    test(`a clock ${ahead} ms ahead: ${want ? "taken" : "refused"}`, async () => {
      assert.equal(await at(String(now), now * 1000 + ahead), want);
      assert.equal(await taken(ofZitadel(goodZitadel), { at: now * 1000 + ahead }), want);
    });
  }
});

describe("ZITADEL", () => {
  const h = hex(key, now, body);
  const wrong = hex(otherKey, now, body);
  const cases: Record<string, [boolean, Headers, Parameters<typeof taken>[1]?]> = {
    "right": [true, ofZitadel(goodZitadel)],
    "the time behind": [true, ofZitadel(`v1=${h},t=${now}`)],
    "spaces before": [true, ofZitadel(`t=${now},  v1=${h}`)],
    "spaces behind": [false, ofZitadel(`t=${now},v1=${h} `)],
    "one of several": [true, ofZitadel(`t=${now},v1=${wrong},v1=${h}`)],
    "others beside": [true, ofZitadel(`t=${now},v2=x,,v1=${h}`)],
    "upper case": [false, ofZitadel(`t=${now},v1=${h.toUpperCase()}`)],
    "63 digits": [false, ofZitadel(`t=${now},v1=${h.slice(1)}`)],
    "two times": [false, ofZitadel(`t=${now},t=${now},v1=${h}`)],
    "no time": [false, ofZitadel(`v1=${h}`)],
    "two headers": [false, [...ofZitadel(goodZitadel), ...ofZitadel(goodZitadel)]],
    "the whole text is the key": [true, ofZitadel(zitadel("any text at all", now, body)), { keys: ["any text at all"] }],
    "a key of two bytes a letter": [true, ofZitadel(zitadel("schlüssel", now, body)), { keys: ["schlüssel"] }],
    "64 elements": [true, ofZitadel(`${goodZitadel},${many(62, "x", ",")}`)],
    "65 elements": [false, ofZitadel(`${goodZitadel},${many(63, "x", ",")}`)],
    "four more than keys": [true, ofZitadel(`t=${now},${many(4, `v1=${wrong}`, ",")},v1=${h}`)],
    "five more than keys": [false, ofZitadel(`t=${now},${many(5, `v1=${wrong}`, ",")},v1=${h}`)],
    "no header": [false, []],
  };
  for (const [name, [want, headers, options]] of Object.entries(cases)) {
    test(`${name}: ${want ? "taken" : "refused"}`, async () => assert.equal(await taken(headers, options), want));
  }
});

describe("which scheme decides", () => {
  const cases: Record<string, [boolean, Headers, Parameters<typeof taken>[1]?]> = {
    "a wrong v1 is not saved by ZITADEL's": [false, [...standard(bad), ...ofZitadel(goodZitadel)]],
    "a tab beside a v1 is not saved either": [false, [...standard(`${good}\tx ${good}`), ...ofZitadel(goodZitadel)]],
    "nor a tab alone": [false, [["webhook-signature", "x\t"], ...ofZitadel(goodZitadel)]],
    "a tab where there is no key of v1 is nobody's business": [true, [["webhook-signature", "x\t"], ...ofZitadel(zitadel("text", now, body))], { keys: ["text"] }],
    "no well-formed entry leaves it to ZITADEL's": [true, [...standard("v1,???"), ...ofZitadel(goodZitadel)]],
    "a v1a without a public key leaves it to ZITADEL's": [true, [...standard(v1a(seed, "msg_1", now, body)), ...ofZitadel(goodZitadel)]],
    "a text that is no secret of v1 leaves it too": [true, [...standard(), ...ofZitadel(zitadel("text", now, body))], { keys: ["text"] }],
    "schemes: zitadel passes Standard Webhooks over": [true, [...standard(bad), ...ofZitadel(goodZitadel)], { schemes: ["zitadel"] }],
    "schemes: standard takes no ZITADEL's": [false, ofZitadel(goodZitadel), { schemes: ["standard"] }],
    "schemes: standard_v1a takes no v1": [false, standard(), { schemes: ["standard_v1a"] }],
  };
  for (const [name, [want, headers, options]] of Object.entries(cases)) {
    test(`${name}: ${want ? "taken" : "refused"}`, async () => assert.equal(await taken(headers, options), want));
  }

  test("the id is that of the scheme that decided", async () => {
    const verifier = new Verifier({ keys: key, now: () => now * 1000 });
    const id = async (headers: Headers) => (await verifier.verify(values([...headers, ["callout-delivery-id", "dlv_1"]]), bytes(body))).id;
    assert.equal(await id(standard()), "msg_1");
    assert.equal(await id(ofZitadel(goodZitadel)), "dlv_1");
  });
  test("an id that nothing vouches for has 1 to 255 visible characters", async () => {
    const verifier = new Verifier({ keys: key, now: () => now * 1000 });
    const id = async (of: string) => (await verifier.verify(values([...ofZitadel(goodZitadel), ["callout-delivery-id", of]]), bytes(body))).id;
    for (const none of ["", "a b", "é", "a".repeat(256)]) assert.equal(await id(none), undefined);
    assert.equal(await id("a".repeat(255)), "a".repeat(255));
  });
});

describe("keys", () => {
  const b64 = (n: number) => Buffer.alloc(n, 5).toString("base64");
  const refused: Record<string, string> = {
    "whsec_ of 23 bytes": `whsec_${b64(23)}`, "whsec_ of 65 bytes": `whsec_${b64(65)}`, "whsec_ alone": "whsec_",
    "whsec_ unpadded": `whsec_${b64(25).replace(/=+$/, "")}`, "whpk_ of 31 bytes": `whpk_${b64(31)}`, "whsk_ of 33 bytes": `whsk_${b64(33)}`,
    "513 bytes": "a".repeat(513), "an empty text": "", "a blank text": "  ",
  };
  for (const [name, text] of Object.entries(refused)) {
    test(`${name}: refused`, () => assert.throws(() => new Verifier({ keys: [text, key] }), (e: Error) => e instanceof TypeError && !(text.length > 8 && e.message.includes(text))));
  }
  for (const text of [`whsec_${b64(24)}`, `whsec_${b64(64)}`, `whpk_${b64(32)}`, `whsk_${b64(32)}`, "a", "a".repeat(512)]) {
    test(`${text.slice(0, 12)} of ${text.length}: taken`, () => void new Verifier({ keys: text }));
  }
  test("nothing to check with: refused", () => {
    assert.throws(() => new Verifier({}), /needs keys/);
    assert.throws(() => new Verifier({ keys: [] }), /needs keys/);
    assert.throws(() => new Verifier({ keys: key, unsigned: true }), /unsigned takes everything/);
    assert.throws(() => new Verifier({ keys: key, schemes: ["hmac" as Scheme] }), /a scheme is one of/);
  });
  test("halves of a whsk_ that do not belong together: refused when keys are imported", async () => {
    await assert.rejects(new Verifier({ keys: `whsk_${b64(64)}` }).ready(), /do not belong together/);
  });
});
