import { type Bytes, fromBase64url } from "./base64.js";
import { rawMembers } from "./json.js";

/** A compact JWS or JWE: its parts as texts and as bytes, and the header. */
export interface Compact {
  readonly texts: readonly string[];
  readonly parts: readonly Bytes[];
  readonly header: Readonly<Record<string, unknown>>;
}

/**
 * Reads so many parts of canonical base64url, none of them empty, the first of which is an object with these members
 * and no other, none of them twice. A member that is not named may ask for something: a key to be fetched, something
 * to be unpacked. Undefined for what is not that.
 */
export const readCompact = (text: string, count: number, members: readonly string[]): Compact | undefined => {
  const texts = text.split(".", count + 1);
  if (texts.length !== count) return undefined;
  const parts: Bytes[] = [];
  for (const one of texts) {
    const bytes = one === "" ? undefined : fromBase64url(one);
    if (!bytes) return undefined;
    parts.push(bytes);
  }
  const json = readText(parts[0] as Bytes);
  const said = json === undefined ? undefined : rawMembers(json);
  if (json === undefined || !said || [...said.keys()].some((name) => !members.includes(name))) return undefined;
  return { texts, parts, header: JSON.parse(json) as Record<string, unknown> };
};

/** Reads bytes as UTF-8; undefined for bytes that are none. */
export const readText = (bytes: Uint8Array): string | undefined => {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
};
