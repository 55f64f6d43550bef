import { equal } from "./key.js";
import { type Soon, then } from "./soon.js";

/** A secret: it makes HMAC-SHA256 over a prefix, a dot and a body. */
export type Secret = (prefix: string, body: Uint8Array) => Soon<Uint8Array>;

/** Tells whether one of the signatures given is by one of the secrets, from the first or from a later one on. */
export const fitsSecret = (
  secrets: readonly Secret[],
  given: readonly Uint8Array[],
  prefix: string,
  body: Uint8Array,
  from = 0,
): Soon<boolean> => {
  const secret = secrets[from];
  if (!secret || given.length === 0) return false;
  return then(
    secret(prefix, body),
    (want) => given.some((have) => equal(want, have)) || fitsSecret(secrets, given, prefix, body, from + 1),
  );
};
