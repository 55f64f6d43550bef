import { importSecret } from "#hmac";

import { type Bytes, fromBase64, fromBase64url } from "./base64.js";
import type { Secret } from "./secret.js";
import type { CryptoKey } from "./webcrypto.js";

/** A key as it was read: what of it each scheme can use. */
interface ReadKey {
  zitadel?: Bytes;
  standard?: Bytes;
  public?: Bytes;
  /** The seed of a whsk_ key. Its public half is made when keys are imported, which WebCrypto does asynchronously. */
  seed?: Bytes;
}

/** The keys of a receiver, imported. */
export interface Keys {
  /** How many texts there were. */
  readonly count: number;
  readonly zitadel: readonly Secret[];
  readonly standard: readonly Secret[];
  readonly public: readonly CryptoKey[];
}

/** What kinds of keys there are, which is known before they are imported. */
export interface Kinds {
  readonly secret: boolean;
  readonly standard: boolean;
  readonly public: boolean;
}

const minSecret = 24; // bytes, from the specification of Standard Webhooks
const maxSecret = 64;
const maxText = 512;

const bad = (message: string): TypeError => new TypeError(`callout: ${message}`);

/**
 * Reads a key text: whsec_ and 24 to 64 bytes in base64, whpk_ and 32 bytes, whsk_ and 32 or 64 bytes, or another
 * text of 1 to 512 bytes, which is a secret of ZITADEL's scheme. Throws a TypeError that tells which of the keys is
 * wrong, and shows nothing of the text.
 */
export const readKey = (text: string, index: number): ReadKey => {
  const wrong = (message: string): TypeError => bad(`key ${index + 1}: ${message}`);
  const encoded = new TextEncoder().encode(text);
  if (text.startsWith("whsec_")) {
    const secret = fromBase64(text.slice(6));
    if (!isSecret(secret)) throw wrong("a whsec_ key is 24 to 64 bytes in padded standard base64");
    return { standard: secret, zitadel: encoded };
  }
  if (text.startsWith("whpk_")) {
    const point = fromBase64(text.slice(5));
    if (point?.length !== 32) throw wrong("a whpk_ key is 32 bytes in padded standard base64");
    return { public: point };
  }
  if (text.startsWith("whsk_")) {
    const pair = fromBase64(text.slice(5));
    if (pair?.length !== 32 && pair?.length !== 64) {
      throw wrong("a whsk_ key is 32 or 64 bytes in padded standard base64");
    }
    return pair.length === 32 ? { seed: pair } : { seed: pair.slice(0, 32), public: pair.slice(32) };
  }
  if (text.trim() === "" || encoded.length > maxText) throw wrong("a key has 1 to 512 bytes, and is not blank");
  const bare = fromBase64(text);
  return isSecret(bare) ? { standard: bare, zitadel: encoded } : { zitadel: encoded };
};

const isSecret = (bytes: Bytes | undefined): bytes is Bytes =>
  bytes !== undefined && bytes.length >= minSecret && bytes.length <= maxSecret;

/** Tells what kinds of keys these are. */
export const kindsOf = (keys: readonly ReadKey[]): Kinds => ({
  secret: keys.some((k) => k.zitadel),
  standard: keys.some((k) => k.standard),
  public: keys.some((k) => k.public ?? k.seed),
});

/** Imports keys. Rejects for a whsk_ key of 64 bytes whose halves do not belong together. */
export const importKeys = async (keys: readonly ReadKey[]): Promise<Keys> => {
  const points = await Promise.all(keys.filter((k) => k.public ?? k.seed).map(publicHalf));
  const secrets = (of: "zitadel" | "standard") =>
    Promise.all(keys.flatMap((k) => k[of] ?? []).map((secret) => importSecret(secret)));
  return {
    count: keys.length,
    zitadel: await secrets("zitadel"),
    standard: await secrets("standard"),
    public: await Promise.all(points.map((point) => importPublic(point))),
  };
};

/** Imports an ed25519 key that verifies. */
export const importPublic = (point: Bytes): Promise<CryptoKey> =>
  crypto.subtle.importKey("raw", point, { name: "Ed25519" }, false, ["verify"]);

// An ed25519 seed in PKCS #8 (RFC 8410) is these bytes and the seed.
const seedPrefix = [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];

/** Imports an ed25519 seed as a key that signs, whose public half can be exported. */
export const importSeed = (seed: Bytes): Promise<CryptoKey> =>
  crypto.subtle.importKey("pkcs8", Uint8Array.from([...seedPrefix, ...seed]), { name: "Ed25519" }, true, ["sign"]);

const publicHalf = async (key: ReadKey): Promise<Bytes> => {
  if (!key.seed) return key.public as Bytes;
  const { x } = await crypto.subtle.exportKey("jwk", await importSeed(key.seed));
  const point = fromBase64url(x ?? "");
  if (!point || (key.public && !equal(point, key.public))) {
    throw bad("the two halves of the key whsk_ do not belong together");
  }
  return point;
};

/** Compares in a time that depends on the lengths alone. */
export const equal = (a: Uint8Array, b: Uint8Array): boolean => {
  if (a.length !== b.length) return false;
  let differ = 0;
  for (let n = 0; n < a.length; n++) differ |= (a[n] as number) ^ (b[n] as number);
  return differ === 0;
};
