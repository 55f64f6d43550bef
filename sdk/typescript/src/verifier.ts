import { readText } from "./compact.js";
import { Jwks } from "./jwks.js";
import { importPrivateKeys, openJwe, type PrivateKeys } from "./jwe.js";
import { type Verified, verifyJwt } from "./jwt.js";
import { importKeys, type Keys, kindsOf, readKey } from "./key.js";
import type { Scheme, VerifierOptions } from "./options.js";
import { notGenuine, Refusal } from "./refusal.js";
import { type Soon, then } from "./soon.js";
import { type Entries, readEntries, verifyStandard } from "./standard.js";
import { verifyZitadel } from "./zitadel.js";

/** A request that is genuine. */
export interface Genuine {
  /** The delivery id: webhook-id where Standard Webhooks decided, jti of a JWT, and else Callout-Delivery-Id. */
  readonly id: string | undefined;
  /** What a handler reads: the body as it came, or the payload of its JWT. */
  readonly body: Uint8Array;
}

/** Gives the values of a header, whose name is in lower case: one for each time that it stands, where that can be told. */
export type Values = (name: string) => readonly string[];

/** What is imported before the first request is checked, since WebCrypto does it asynchronously. */
interface Imported {
  readonly keys: Keys;
  readonly privateKeys: PrivateKeys;
}

const allSchemes: readonly Scheme[] = ["standard", "standard_v1a", "zitadel"];

/** Tells whether requests are genuine. It may be used concurrently. */
export class Verifier {
  readonly #options: VerifierOptions;
  /** Which schemes are taken and have a key of this receiver; v1a may have one of the JWKS. */
  readonly #takes: { readonly standard: boolean; readonly v1a: boolean; readonly zitadel: boolean };
  readonly #jwks: Jwks | undefined;
  readonly #signsV1a: Jwks | undefined;
  readonly #load: () => Promise<Imported>;
  #imported: Soon<Imported> | undefined;

  /**
   * Throws a TypeError for a key that is none, or if there is nothing to check with. `morePrivateKeys` reads those that
   * are elsewhere, once.
   */
  constructor(options: VerifierOptions, morePrivateKeys?: () => Promise<Record<string, string>>) {
    const keys = (typeof options.keys === "string" ? [options.keys] : (options.keys ?? [])).map(readKey);
    this.#options = options;
    const schemes = options.schemes?.length ? options.schemes : allSchemes;
    this.#jwks = options.jwks === undefined ? undefined : new Jwks(options.jwks);
    checkOptions(options, keys.length, schemes, morePrivateKeys !== undefined);
    this.#signsV1a = options.payload ? undefined : this.#jwks;
    const kinds = kindsOf(keys);
    this.#takes = {
      standard: kinds.standard && schemes.includes("standard"),
      v1a: (kinds.public || this.#signsV1a !== undefined) && schemes.includes("standard_v1a"),
      zitadel: kinds.secret && schemes.includes("zitadel"),
    };
    this.#load = async () => ({
      keys: await importKeys(keys),
      privateKeys: await importPrivateKeys({ ...options.privateKeys, ...(await morePrivateKeys?.()) }),
    });
  }

  /** Imports the keys. Rejects for one that turns out to be broken. The first request does the same. */
  async ready(): Promise<void> {
    await this.#import();
  }

  #import(): Soon<Imported> {
    return (this.#imported ??= this.#load().then((imported) => (this.#imported = imported)));
  }

  /** Checks a request. Rejects with a Refusal: unauthorized, or unavailable where keys cannot be fetched. */
  async verify(values: Values, body: Uint8Array): Promise<Genuine> {
    return this.check(values, body);
  }

  /** As {@link Verifier.verify}, at once where nothing has to be waited for: then it throws what that rejects with. */
  check(values: Values, body: Uint8Array): Soon<Genuine> {
    const header = readID(values("callout-delivery-id")[0]);
    if (this.#options.unsigned) return { id: header, body };
    const now = this.#options.now?.() ?? Date.now();
    const imported = this.#import();
    if (!(imported instanceof Promise)) return this.#check(imported, values, body, now, header);
    const loaded = imported.catch((cause: unknown) => {
      throw new Refusal("unavailable", "a key of the receiver is broken", { cause });
    });
    return loaded.then((all) => this.#check(all, values, body, now, header));
  }

  #check({ keys, privateKeys }: Imported, values: Values, body: Uint8Array, now: number, header: string | undefined): Soon<Genuine> {
    const signed = keys.count > 0 || this.#signsV1a !== undefined;
    if (!signed && !this.#options.payload) throw notGenuine("there is no key to check with");
    return then(signed ? this.#signature(values, body, keys, now) : undefined, (id) => {
      if (!this.#options.payload) return { id: id ?? header, body };
      return this.#payload(body, privateKeys, now).then((jwt) => ({ id: id ?? jwt.id ?? header, body: jwt.payload }));
    });
  }

  /**
   * Finds the scheme that decides, and has it decide; gives the id where it signs one. What fails under the stronger is
   * never saved by the weaker.
   */
  #signature(values: Values, body: Uint8Array, keys: Keys, now: number): Soon<string | undefined> {
    const { standard, v1a } = this.#takes;
    const list = values("webhook-signature");
    if (list.length > 0 && (standard || v1a)) {
      const all = readEntries(list);
      if (all.fault) throw notGenuine(all.fault);
      const entries = { v1: standard ? all.v1 : [], v1a: v1a ? all.v1a : [] };
      if (entries.v1.length + entries.v1a.length > 0) return this.#standard(values, body, entries, keys, now);
    }
    const zitadel = values("zitadel-signature");
    if (this.#takes.zitadel && zitadel.length > 0) {
      return then(verifyZitadel(zitadel, body, keys, now), () => undefined);
    }
    throw notGenuine("no header has a signature of a scheme that there is a key for");
  }

  /** Without a payload, the ed25519 keys of the JWKS verify v1a beside those of the receiver. */
  #standard(values: Values, body: Uint8Array, entries: Entries, keys: Keys, now: number): Soon<string> {
    const jwks = entries.v1a.length > 0 ? this.#signsV1a : undefined;
    return jwks ? this.#standardWith(jwks, values, body, entries, keys, now) : verifyStandard(values, body, entries, keys, now);
  }

  async #standardWith(jwks: Jwks, values: Values, body: Uint8Array, entries: Entries, keys: Keys, now: number): Promise<string> {
    const verify = async () => {
      const more = await jwks.ed25519(now);
      const all = { ...keys, count: keys.count + more.length, public: [...keys.public, ...more] };
      return verifyStandard(values, body, entries, all, now);
    };
    try {
      return await verify();
    } catch (refusal) {
      if (await jwks.refetch(now)) return verify();
      throw refusal;
    }
  }

  async #payload(body: Uint8Array, privateKeys: PrivateKeys, now: number): Promise<Verified> {
    const { payload, issuer, audience } = this.#options;
    const text = readText(body);
    if (text === undefined) throw notGenuine("the body is no JWT");
    const jwt = payload === "jwe" ? await openJwe(text, privateKeys) : text;
    return verifyJwt(jwt, this.#jwks as Jwks, { issuer, audience }, now);
  }
}

/** An id that nothing vouches for has a bound, so that a store has one. */
const readID = (id: string | undefined): string | undefined =>
  id !== undefined && id.length <= 255 && /^[!-~]+$/.test(id) ? id : undefined;

const checkOptions = (options: VerifierOptions, keys: number, schemes: readonly Scheme[], elsewhere: boolean): void => {
  const { payload, jwks, unsigned, privateKeys } = options;
  const bad = (message: string) => new TypeError(`callout: ${message}`);
  if (schemes.some((scheme) => !allSchemes.includes(scheme))) throw bad(`a scheme is one of ${allSchemes.join(", ")}`);
  if (payload !== undefined && payload !== "jwt" && payload !== "jwe") throw bad("payload is jwt or jwe");
  if (payload && jwks === undefined) throw bad("a payload jwt or jwe needs jwks, the public keys of the instance");
  if (payload === "jwe" && !elsewhere && Object.keys(privateKeys ?? {}).length === 0) {
    throw bad("a payload jwe needs privateKeys to be opened with");
  }
  if (unsigned && (keys > 0 || jwks)) throw bad("unsigned takes everything: give it without keys and jwks");
  if (!unsigned && keys === 0 && !jwks) {
    throw bad("a receiver needs keys or jwks to check with: set CALLOUT_KEYS, give keys, or say unsigned");
  }
};

