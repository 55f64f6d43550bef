import { type Bytes, fromBase64 } from "./base64.js";
import type { Keys } from "./key.js";
import { notGenuine } from "./refusal.js";
import { fitsSecret } from "./secret.js";
import { maxMore, maxParts, signedBytes } from "./signed.js";
import { type Soon, then } from "./soon.js";
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
  const list = values.length === 1 ? (values[0] as string) : values.join(" ");
  const v1: Bytes[] = [];
  const v1a: Bytes[] = [];
  let count = 0;
  for (const part of list.replaceAll(", ", " ").split(" ")) {
    if (part === "") continue;
    count++;
    const comma = part.indexOf(",");
    const version = part.slice(0, comma);
    if (comma < 0 || (version !== "v1" && version !== "v1a")) continue;
    const signature = fromBase64(part.slice(comma + 1));
    if (signature) (version === "v1" ? v1 : v1a).push(signature);
  }
  if (list.includes("\t")) return { v1, v1a, fault: "webhook-signature holds a tab" };
  if (count > maxParts) return { v1, v1a, fault: "webhook-signature has more than 64 entries" };
  return { v1, v1a };
};

/** Checks the headers of Standard Webhooks, and gives the id. Throws a Refusal. */
export const verifyStandard = (
  values: (name: string) => readonly string[],
  body: Uint8Array,
  entries: Entries,
  keys: Keys,
  now: number,
): Soon<string> => {
  const id = single(values("webhook-id"));
  if (id === undefined || !isID(id)) throw notGenuine("webhook-id is missing or malformed");
  const stamp = single(values("webhook-timestamp"));
  if (stamp === undefined || !isFresh(stamp, now)) {
    throw notGenuine("webhook-timestamp is missing, malformed, or more than 300 s from now: look at the clocks");
  }
  if (entries.v1.length + entries.v1a.length > keys.count + maxMore) {
    throw notGenuine("webhook-signature has many more entries than there are keys");
  }
  const prefix = `${id}.${stamp}`;
  const decided = (fits: boolean): string => {
    if (fits) return id;
    throw notGenuine("no entry of webhook-signature fits a key: another key, or a body that was changed");
  };
  return then(fitsSecret(keys.standard, entries.v1, prefix, body), (fits) =>
    fits || entries.v1a.length === 0 ? decided(fits) : fitsPublic(keys, entries.v1a, prefix, body).then(decided),
  );
};

const fitsPublic = async (keys: Keys, given: readonly Bytes[], prefix: string, body: Uint8Array): Promise<boolean> => {
  const message = signedBytes(prefix, body);
  for (const key of keys.public) {
    for (const have of given) {
      if (await crypto.subtle.verify({ name: "Ed25519" }, key, have, message)) return true;
    }
  }
  return false;
};

const single = (values: readonly string[]): string | undefined => (values.length === 1 ? values[0] : undefined);

/** A dot in an id would let the boundary between id, time and body move. */
const isID = (id: string): boolean => id.length <= 255 && /^[!-~]+$/.test(id) && !id.includes(".");
