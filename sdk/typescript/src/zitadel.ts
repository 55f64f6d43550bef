import { type Bytes, fromHex } from "./base64.js";
import type { Keys } from "./key.js";
import { notGenuine } from "./refusal.js";
import { fitsSecret } from "./secret.js";
import { maxMore, maxParts } from "./signed.js";
import { type Soon, then } from "./soon.js";
import { isFresh } from "./stamp.js";

/** Checks the header ZITADEL-Signature: `t=SECONDS,v1=HEX[,v1=HEX]` over `SECONDS.body`. Throws a Refusal. */
export const verifyZitadel = (
  header: readonly string[],
  body: Uint8Array,
  keys: Keys,
  now: number,
): Soon<void> => {
  const [text, ...more] = header;
  if (text === undefined || more.length > 0) throw notGenuine("ZITADEL-Signature is missing or stands twice");
  const { stamps, signatures } = takeApart(text);
  if (stamps.length !== 1 || !isFresh(stamps[0] as string, now)) {
    throw notGenuine("t of ZITADEL-Signature is missing, malformed, or more than 300 s from now: look at the clocks");
  }
  if (signatures.length > keys.count + maxMore) {
    throw notGenuine("ZITADEL-Signature has many more signatures than there are keys");
  }
  return then(fitsSecret(keys.zitadel, signatures, stamps[0] as string, body), (fits) => {
    if (!fits) throw notGenuine("no v1 of ZITADEL-Signature fits a key: another key, or a body that was changed");
  });
};

const takeApart = (text: string): { stamps: string[]; signatures: Bytes[] } => {
  const parts = text.split(",");
  if (parts.length > maxParts) throw notGenuine("ZITADEL-Signature has more than 64 elements");
  const stamps: string[] = [];
  const signatures: Bytes[] = [];
  for (const part of parts) {
    const element = part.replace(/^ +/, "");
    if (element.startsWith("t=")) stamps.push(element.slice(2));
    if (!element.startsWith("v1=")) continue;
    const signature = fromHex(element.slice(3));
    if (signature?.length === 32) signatures.push(signature);
  }
  return { stamps, signatures };
};
