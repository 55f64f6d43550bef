import { fromBase64url } from "./base64.js";
import { isObject } from "./json.js";
import { Refusal } from "./refusal.js";
import type { CryptoKey, Jwk } from "./webcrypto.js";

/** A set of public keys (RFC 7517), as an instance of Callout publishes it. */
export interface JwkSet {
  readonly keys: readonly object[];
}

/** A key that verifies with one algorithm. */
interface JwksKey {
  readonly alg: "EdDSA" | "RS256";
  readonly verifies: { readonly name: string };
  readonly key: CryptoKey;
}

const maxBytes = 256 << 10;
const maxKeys = 64;
const maxKept = 3_600_000; // ms
const keptUnsaid = 300_000;
const refetchEvery = 10_000;
const fetchTimeout = 5_000;
/** For so long behind a failure nobody fetches: strangers send kids that nobody has. */
const pause = 1_000;

type ByKid = ReadonlyMap<string, Promise<JwksKey>>;

/** Public keys by their kid, given as a value or fetched from a URL and kept for what Cache-Control says. */
export class Jwks {
  #keys: ByKid | undefined;
  #keptUntil = Infinity;
  #fetchedAt = -Infinity;
  #failedAt = -Infinity;
  #fetching: Promise<ByKid> | undefined;
  readonly #url: string | undefined;

  /** Throws a TypeError for what is neither a set of keys nor an http or https URL. */
  constructor(source: JwkSet | string | URL) {
    if (typeof source === "string" || source instanceof URL) {
      const { href, protocol } = new URL(source);
      if (protocol !== "https:" && protocol !== "http:") throw new TypeError("callout: a JWKS has an http or https URL");
      this.#url = href;
    } else {
      this.#keys = readSet(source);
    }
  }

  /** Finds a key. It is fetched for, at most once in 10 seconds, if it is not there. Throws a Refusal: unavailable. */
  async find(kid: string, now: number): Promise<JwksKey | undefined> {
    if (!this.#keys || now >= this.#keptUntil) this.#keys = await this.#fetch(now);
    if (!this.#keys.has(kid)) await this.refetch(now);
    return this.#keys.get(kid);
  }

  /** The ed25519 keys, which verify v1a of Standard Webhooks too. Throws a Refusal: unavailable. */
  async ed25519(now: number): Promise<readonly CryptoKey[]> {
    if (!this.#keys || now >= this.#keptUntil) this.#keys = await this.#fetch(now);
    const keys = await Promise.allSettled(this.#keys.values());
    return keys.flatMap((one) => (one.status === "fulfilled" && one.value.alg === "EdDSA" ? one.value.key : []));
  }

  /** Fetches the set again, at most once in 10 seconds, and tells whether it did. Throws a Refusal: unavailable. */
  async refetch(now: number): Promise<boolean> {
    if (!this.#url || now - this.#fetchedAt < refetchEvery) return false;
    this.#keys = await this.#fetch(now);
    return true;
  }

  /** Fetches the set, once for all who ask at the same time. */
  #fetch(now: number): Promise<ByKid> {
    if (!this.#fetching && now >= this.#failedAt && now - this.#failedAt < pause) {
      return Promise.reject(new Refusal("unavailable", "the JWKS could not be fetched a moment ago"));
    }
    this.#fetching ??= this.#fetchOnce(now).finally(() => (this.#fetching = undefined));
    return this.#fetching;
  }

  async #fetchOnce(now: number): Promise<ByKid> {
    try {
      const signal = AbortSignal.timeout(fetchTimeout);
      const response = await fetch(this.#url as string, { redirect: "error", signal });
      const text = await readBounded(response);
      if (!response.ok) throw new Error(`the JWKS is answered with status ${response.status}`);
      const keys = readSet(JSON.parse(text) as JwkSet);
      this.#fetchedAt = now;
      this.#keptUntil = now + keptFor(response.headers.get("cache-control"));
      return keys;
    } catch (cause) {
      this.#failedAt = now;
      throw new Refusal("unavailable", "the JWKS cannot be fetched", { cause });
    }
  }
}

const readBounded = async (response: Response): Promise<string> => {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let text = "";
  let size = 0;
  const reader = response.body?.getReader();
  for (let part = await reader?.read(); part && !part.done; part = await reader?.read()) {
    const bytes = part.value as Uint8Array;
    size += bytes.length;
    if (size > maxBytes) {
      await reader?.cancel();
      throw new Error("the JWKS has more than 256 KiB");
    }
    text += decoder.decode(bytes, { stream: true });
  }
  return text + decoder.decode();
};

/** How long a set is kept, in milliseconds. */
const keptFor = (control: string | null): number => {
  if (/\bno-(?:store|cache)\b/i.test(control ?? "")) return 0;
  const age = /(?:^|[\s,])max-age="?([0-9]{1,10})/i.exec(control ?? "")?.[1];
  return age === undefined ? keptUnsaid : Math.min(Number(age) * 1000, maxKept);
};

const readSet = (set: JwkSet): ByKid => {
  if (!isObject(set) || !Array.isArray(set.keys)) throw new TypeError("callout: a JWKS is an object with a list of keys");
  if (set.keys.length > maxKeys) throw new TypeError("callout: a JWKS has at most 64 keys");
  const out = new Map<string, Promise<JwksKey>>();
  for (const one of set.keys as readonly unknown[]) {
    const known = isObject(one) ? readJwk(one) : undefined;
    if (!known) continue;
    if (out.has(known.kid)) throw new TypeError("callout: two keys of a JWKS have the same kid");
    out.set(known.kid, known.key);
  }
  return out;
};

/** Reads a key of the two kinds that are taken; others are passed over. */
const readJwk = (jwk: Jwk): { kid: string; key: Promise<JwksKey> } | undefined => {
  const { kid, use, alg: said } = jwk;
  if (typeof kid !== "string" || kid === "" || (use !== undefined && use !== "sig") || "d" in jwk) return undefined;
  const alg = algorithmOf(jwk);
  if (!alg || (said !== undefined && said !== alg)) return undefined;
  const verifies = alg === "EdDSA" ? { name: "Ed25519" } : { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" };
  const members = alg === "EdDSA" ? ["kty", "crv", "x"] : ["kty", "n", "e"];
  const needed = Object.fromEntries(members.map((name) => [name, jwk[name]]));
  const key = crypto.subtle
    .importKey("jwk", needed, verifies, false, ["verify"])
    .then((imported) => ({ alg, verifies, key: imported }) as const)
    .catch((cause: unknown) => {
      throw new Refusal("unauthorized", "the key of that kid in the JWKS is broken", { cause });
    });
  key.catch(() => {}); // it is told when somebody asks for the key
  return { kid, key };
};

const algorithmOf = (jwk: Jwk): "EdDSA" | "RS256" | undefined => {
  const { kty, crv, x, n } = jwk;
  if (kty === "OKP" && crv === "Ed25519") return fromBase64url(String(x))?.length === 32 ? "EdDSA" : undefined;
  if (kty !== "RSA") return undefined;
  const modulus = fromBase64url(String(n)) ?? [];
  const first = modulus.findIndex((b) => b !== 0);
  const bits = first < 0 ? 0 : (modulus.length - first) * 8 - Math.clz32(modulus[first] as number) + 24;
  return bits >= 2048 && bits <= 8192 ? "RS256" : undefined;
};
