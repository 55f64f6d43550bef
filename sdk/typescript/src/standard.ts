import { mac } from "#hmac";

import { type Bytes, fromBase64 } from "./base64.js";
import { equal, type Keys } from "./key.js";
import { maxMore, maxParts, signedBytes } from "./signed.js";
import { notGenuine } from "./refusal.js";
import { isFresh } from "./stamp.js";

/** The well-formed entries of a header webhook-signature, by version. */
export interface Entries {
  readonly v1: readonly Bytes[];
  readonly v1a: readonly Bytes[];
  /** Why the header is refused, whatever the entries say. */
  readonly fault?: string;
}

/** Takes webhook-signature apart: entries stand a space apart; doubled spaces and `, ` are taken for one. */
export const readEntries = (values: readonly string[]): Entries => {
  const list = values.join(" ");
  const parts = list.replaceAll(", ", " ").split(" ").filter((part) => part !== "");
  const v1: Bytes[] = [];
  const v1a: Bytes[] = [];
  for (const part of parts) {
    const comma = part.indexOf(",");
    const version = part.slice(0, comma);
    if (comma < 0 || (version !== "v1" && version !== "v1a")) continue;
    const signature = fromBase64(part.slice(comma + 1));
    if (signature) (version === "v1" ? v1 : v1a).push(signature);
  }
  if (list.includes("\t")) return { v1, v1a, fault: "webhook-signature holds a tab" };
  if (parts.length > maxParts) return { v1, v1a, fault: "webhook-signature has more than 64 entries" };
  return { v1, v1a };
};

/** Checks the headers of Standard Webhooks, and gives the id. Throws a Refusal. */
export const verifyStandard = async (
  values: (name: string) => readonly string[],
  body: Uint8Array,
  entries: Entries,
  keys: Keys,
  now: number,
): Promise<string> => {
  const [id, ...moreIDs] = values("webhook-id");
  if (id === undefined || moreIDs.length > 0 || !isID(id)) throw notGenuine("webhook-id is missing or malformed");
  const [stamp, ...moreStamps] = values("webhook-timestamp");
  if (stamp === undefined || moreStamps.length > 0 || !isFresh(stamp, now)) {
    throw notGenuine("webhook-timestamp is missing, malformed, or more than 300 s from now: look at the clocks");
  }
  if (entries.v1.length + entries.v1a.length > keys.count + maxMore) {
    throw notGenuine("webhook-signature has many more entries than there are keys");
  }
  const prefix = `${id}.${stamp}`;
  for (const key of entries.v1.length > 0 ? keys.standard : []) {
    const want = await mac(key, prefix, body);
    if (entries.v1.some((have) => equal(want, have))) return id;
  }
  const message = entries.v1a.length > 0 ? signedBytes(prefix, body) : new Uint8Array();
  for (const key of keys.public) {
    for (const have of entries.v1a) {
      if (await crypto.subtle.verify({ name: "Ed25519" }, key, have, message)) return id;
    }
  }
  throw notGenuine("no entry of webhook-signature fits a key: another key, or a body that was changed");
};

/** A dot in an id would let the boundary between id, time and body move. */
const isID = (id: string): boolean => id.length <= 255 && /^[!-~]+$/.test(id) && !id.includes(".");
