import type { JwkSet } from "./jwks.js";
import type { Log } from "./log.js";
import type { Store } from "./once.js";

/** A scheme of signatures: Standard Webhooks with HMAC-SHA256 (v1) or ed25519 (v1a), or ZITADEL's. */
export type Scheme = "standard" | "standard_v1a" | "zitadel";

/** How a receiver knows that a request is genuine. */
export interface VerifierOptions {
  /** Keys: whsec_, whpk_ or whsk_ texts, or secrets of ZITADEL's. One that fits is enough, so that keys can be exchanged. */
  readonly keys?: string | readonly string[] | undefined;
  /** Which schemes are taken; all that there are keys for, unless it is given. */
  readonly schemes?: readonly Scheme[] | undefined;
  /** The body is a JWT, or a JWT in a JWE. */
  readonly payload?: "jwt" | "jwe" | undefined;
  /** The public keys of the instance, or their URL. JWTs are verified with them, and v1a where there is no payload. */
  readonly jwks?: JwkSet | string | URL | undefined;
  /** What iss of a JWT must be: the instance. Not looked at unless it is given. */
  readonly issuer?: string | undefined;
  /** What aud of a JWT must be: the target, as [ORG:]NAME. Not looked at unless it is given. */
  readonly audience?: string | undefined;
  /** Private keys that a JWE is opened with, by their id in Callout: PEM of PKCS #8. */
  readonly privateKeys?: Readonly<Record<string, string>> | undefined;
  /** Take everything, from anybody. For a receiver behind one that verifies, and for tests. */
  readonly unsigned?: boolean | undefined;
  /** The time in milliseconds since 1970 that signatures are held against; the clock, unless it is given. */
  readonly now?: (() => number) | undefined;
}

/** What a receiver is made with. Without keys, jwks, payload and unsigned, what is genuine is read from the environment. */
export interface Options extends VerifierOptions {
  /** The one path that is served; every path, unless it is given. */
  readonly path?: string | undefined;
  /** The longest body, in bytes; 1 MiB unless it is given. */
  readonly maxBody?: number | undefined;
  /** Where is kept which deliveries are done; in memory, unless it is given. */
  readonly store?: Store | undefined;
  /** Takes what is logged; standard error, unless it is given. */
  readonly log?: Log | undefined;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** Options as the environment has them, and the paths of private keys, which are read when they are needed. */
export interface FromEnvironment {
  readonly options: VerifierOptions;
  readonly keyPaths: Readonly<Record<string, string>>;
}

/** Reads CALLOUT_KEYS, CALLOUT_JWKS, CALLOUT_ISSUER, CALLOUT_AUDIENCE, CALLOUT_PRIVATE_KEYS and CALLOUT_PAYLOAD. */
export const fromEnvironment = (environment: Environment = environmentOfProcess()): FromEnvironment => {
  const listed = (name: string) => (environment[name] ?? "").split(",").map((text) => text.trim()).filter((text) => text !== "");
  const payload = environment.CALLOUT_PAYLOAD || undefined;
  if (payload !== undefined && payload !== "jwt" && payload !== "jwe") {
    throw new TypeError("callout: CALLOUT_PAYLOAD is jwt or jwe");
  }
  const keyPaths: Record<string, string> = {};
  for (const one of listed("CALLOUT_PRIVATE_KEYS")) {
    const equals = one.indexOf("=");
    if (equals < 1) throw new TypeError("callout: CALLOUT_PRIVATE_KEYS is KID=PATH, with commas between");
    keyPaths[one.slice(0, equals)] = one.slice(equals + 1);
  }
  return {
    options: {
      keys: listed("CALLOUT_KEYS"),
      jwks: environment.CALLOUT_JWKS || undefined,
      issuer: environment.CALLOUT_ISSUER || undefined,
      audience: environment.CALLOUT_AUDIENCE || undefined,
      payload,
    },
    keyPaths,
  };
};

// Not every run time has a process.
const environmentOfProcess = (): Environment =>
  (globalThis as { process?: { env?: Environment } }).process?.env ?? {};
