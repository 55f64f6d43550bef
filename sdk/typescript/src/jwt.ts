import type { Bytes } from "./base64.js";
import { readCompact, readText } from "./compact.js";
import { rawMembers } from "./json.js";
import type { Jwks } from "./jwks.js";
import { notGenuine } from "./refusal.js";
import { isFresh, readStamp, tolerance } from "./stamp.js";

/** What a receiver knows of a JWT beforehand. What is not told is not looked at. */
export interface Expected {
  readonly issuer: string | undefined;
  readonly audience: string | undefined;
}

/** A JWT that was verified: its payload, and the delivery id in it. */
export interface Verified {
  readonly payload: Bytes;
  readonly id: string | undefined;
}

/** Checks a compact JWS. Throws a Refusal: unauthorized, or unavailable where the keys cannot be fetched. */
export const verifyJwt = async (text: string, keys: Jwks, expected: Expected, now: number): Promise<Verified> => {
  const jws = readCompact(text, 3, ["alg", "kid", "typ"]);
  if (!jws) throw notGenuine("the body is no JWT in canonical base64url whose header has alg, kid and typ alone");
  const { alg, kid, typ } = jws.header;
  if (typ !== "JWT" || (alg !== "EdDSA" && alg !== "RS256") || typeof kid !== "string" || kid === "") {
    throw notGenuine("the JWT is of another type or algorithm than is taken, or has no kid");
  }
  const key = await keys.find(kid, now);
  if (!key) throw notGenuine("no key of the JWKS has the kid of the JWT");
  if (key.alg !== alg) throw notGenuine("the key of that kid signs with another algorithm");
  const signed = new TextEncoder().encode(`${jws.texts[0]}.${jws.texts[1]}`);
  const [, payload, signature] = jws.parts as [Bytes, Bytes, Bytes];
  if (!(await crypto.subtle.verify(key.verifies, key.key, signature, signed))) {
    throw notGenuine("the signature of the JWT does not fit");
  }
  return { payload, id: checkClaims(payload, expected, now) };
};

/** Checks iat, exp, iss and aud of a payload, and gives jti. */
const checkClaims = (payload: Bytes, expected: Expected, now: number): string | undefined => {
  const said = rawMembers(readText(payload) ?? "");
  if (!said) throw notGenuine("the payload of the JWT is no object, or has a member twice");
  if (!isFresh(said.get("iat") ?? "", now)) {
    throw notGenuine("iat of the JWT is missing, or more than 300 s from now: look at the clocks");
  }
  const expires = readStamp(said.get("exp") ?? "");
  if (expires === undefined || now > expires + tolerance) throw notGenuine("exp of the JWT is missing or past");
  const claim = (name: string): unknown => (said.has(name) ? JSON.parse(said.get(name) as string) : undefined);
  if (expected.issuer && claim("iss") !== expected.issuer) throw notGenuine("iss of the JWT is another one");
  if (expected.audience && claim("aud") !== expected.audience) throw notGenuine("aud of the JWT is another one");
  const id = claim("jti");
  if (id !== undefined && typeof id !== "string") throw notGenuine("jti of the JWT is no text");
  return id || undefined;
};
