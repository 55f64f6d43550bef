import type { Bytes } from "./base64.js";

/** How many parts of a header are looked at. */
export const maxParts = 64;

/** How many more signatures than keys are tried: who signs may be ahead in exchanging keys. */
export const maxMore = 4;

const encoder = new TextEncoder();

/** What is signed: a prefix, a dot, and the body as it came. */
export const signedBytes = (prefix: string, body: Uint8Array): Bytes => {
  const head = encoder.encode(`${prefix}.`);
  const out = new Uint8Array(head.length + body.length);
  out.set(head);
  out.set(body, head.length);
  return out;
};
