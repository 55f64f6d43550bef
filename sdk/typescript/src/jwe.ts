import { type Bytes, fromBase64 } from "./base64.js";
import { type Compact, readCompact, readText } from "./compact.js";
import { isObject } from "./json.js";
import { notGenuine } from "./refusal.js";
import type { CryptoKey } from "./webcrypto.js";

/** A private key, imported: what wraps a key for it, and the curve of an ECDSA or ECDH key. */
interface PrivateKey {
  readonly alg: "RSA-OAEP-256" | "ECDH-ES+A256KW";
  readonly key: CryptoKey;
  readonly curve?: Curve;
}

type Curve = "P-256" | "P-384" | "P-521";
const coordinate: Record<Curve, number> = { "P-256": 32, "P-384": 48, "P-521": 66 }; // bytes

/** Private keys by their kid. */
export type PrivateKeys = ReadonlyMap<string, PrivateKey>;

/** Imports private keys in PEM (PKCS #8). Throws a TypeError that shows nothing of them. */
export const importPrivateKeys = async (pems: Readonly<Record<string, string>>): Promise<PrivateKeys> => {
  const out = new Map<string, PrivateKey>();
  for (const [kid, pem] of Object.entries(pems)) out.set(kid, await importPrivateKey(kid, pem));
  return out;
};

const importPrivateKey = async (kid: string, pem: string): Promise<PrivateKey> => {
  const block = /^\s*-----BEGIN PRIVATE KEY-----([A-Za-z0-9+/=\s]*)-----END PRIVATE KEY-----\s*$/.exec(pem)?.[1];
  const der = fromBase64(block?.replace(/\s/g, "") ?? "");
  if (!der || der.length === 0) {
    throw new TypeError(`callout: the private key ${kid} is no PEM of PKCS #8: openssl pkcs8 -topk8 -nocrypt writes it`);
  }
  const rsa = await tryImport(der, { name: "RSA-OAEP", hash: "SHA-256" }, ["decrypt"]);
  if (rsa) return { alg: "RSA-OAEP-256", key: rsa };
  for (const curve of Object.keys(coordinate) as Curve[]) {
    const key = await tryImport(der, { name: "ECDH", namedCurve: curve }, ["deriveBits"]);
    if (key) return { alg: "ECDH-ES+A256KW", key, curve };
  }
  throw new TypeError(`callout: the private key ${kid} is neither RSA nor on P-256, P-384 or P-521`);
};

const tryImport = (der: Bytes, algorithm: object, use: KeyUsage[]): Promise<CryptoKey | undefined> =>
  crypto.subtle.importKey("pkcs8", der, algorithm as { name: string }, false, use).catch(() => undefined);

type KeyUsage = "decrypt" | "deriveBits";

/** Opens a compact JWE, and gives the JWT in it. Throws a Refusal. */
export const openJwe = async (text: string, keys: PrivateKeys): Promise<string> => {
  const jwe = readCompact(text, 5, ["alg", "cty", "enc", "epk", "kid", "typ"]);
  if (!jwe) throw notGenuine("the body is no JWE in canonical base64url whose header has alg, cty, enc, kid and typ alone");
  const { alg, enc, cty, typ, kid } = jwe.header;
  if (enc !== "A256GCM" || cty !== "JWT" || typ !== "JWT" || typeof kid !== "string") {
    throw notGenuine("the JWE is of another type or encryption than is taken, or has no kid");
  }
  const key = keys.get(kid);
  if (!key) throw notGenuine("no private key has the kid of the JWE");
  if (alg !== key.alg || ("epk" in jwe.header) !== (alg === "ECDH-ES+A256KW")) {
    throw notGenuine("the private key of that kid opens another algorithm");
  }
  try {
    const inner = readText(await decrypt(jwe, key));
    if (inner !== undefined) return inner;
  } catch {
    // Which step failed is nobody's business: it would help who guesses.
  }
  throw notGenuine("the private key does not open the JWE");
};

const decrypt = async (jwe: Compact, key: PrivateKey): Promise<Bytes> => {
  const [, wrapped, iv, sealed, tag] = jwe.parts as [Bytes, Bytes, Bytes, Bytes, Bytes];
  const content = key.curve ? await agree(jwe.header["epk"], wrapped, key) : await unwrapRSA(wrapped, key);
  if (iv.length !== 12 || tag.length !== 16) throw new Error("iv or tag has another length");
  const both = new Uint8Array([...sealed, ...tag]);
  const additionalData = new TextEncoder().encode(jwe.texts[0]);
  return new Uint8Array(
    await crypto.subtle.decrypt({ name: "AES-GCM", iv, additionalData, tagLength: 128 }, content, both),
  );
};

const unwrapRSA = async (wrapped: Bytes, key: PrivateKey): Promise<CryptoKey> => {
  const raw = new Uint8Array(await crypto.subtle.decrypt({ name: "RSA-OAEP" }, key.key, wrapped));
  if (raw.length !== 32) throw new Error("the content key has another length");
  return crypto.subtle.importKey("raw", raw, { name: "AES-GCM" }, false, ["decrypt"]);
};

/** ECDH-ES+A256KW (RFC 7518, 4.6): agree upon a key, and unwrap the content key with it. */
const agree = async (epk: unknown, wrapped: Bytes, { key, curve }: PrivateKey): Promise<CryptoKey> => {
  if (!isObject(epk) || epk["kty"] !== "EC" || epk["crv"] !== curve) throw new Error("epk is on another curve");
  const point = { kty: "EC", crv: curve as Curve, x: epk["x"] as string, y: epk["y"] as string };
  const curveOf = { name: "ECDH", namedCurve: curve as Curve };
  const peer = await crypto.subtle.importKey("jwk", point, curveOf, false, []);
  const bits = coordinate[curve as Curve] * 8;
  const secret = new Uint8Array(await crypto.subtle.deriveBits({ name: "ECDH", public: peer }, key, bits));
  const kek = await crypto.subtle.digest("SHA-256", concatKDF(secret));
  const wrapping = await crypto.subtle.importKey("raw", kek, { name: "AES-KW" }, false, ["unwrapKey"]);
  return crypto.subtle.unwrapKey("raw", wrapped, wrapping, "AES-KW", { name: "AES-GCM", length: 256 }, false, ["decrypt"]);
};

/** The one round of Concat KDF that gives 256 bits: apu and apv are empty. */
const concatKDF = (secret: Bytes): Bytes => {
  const algorithm = new TextEncoder().encode("ECDH-ES+A256KW");
  const info = [0, 0, 0, algorithm.length, ...algorithm, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0];
  return Uint8Array.from([0, 0, 0, 1, ...secret, ...info]);
};
