import { Refusal } from "./refusal.js";

/** An object of JSON whose members are not known beforehand. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any
export type JsonObject = { [name: string]: any };

/** How deep a body may be nested, the body itself counted. */
export const maxDepth = 128;

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Reads bytes as one JSON object. Throws a Refusal with code malformed. */
export const readObject = (bytes: Uint8Array): JsonObject => {
  if (isTooDeep(bytes)) throw new Refusal("malformed", "the body is nested more than 128 deep");
  let value: unknown;
  try {
    value = JSON.parse(decoder.decode(bytes));
  } catch (cause) {
    throw new Refusal("malformed", "the body is no JSON in UTF-8", { cause });
  }
  if (!isObject(value)) throw new Refusal("malformed", "the body is JSON, but no object");
  return value;
};

/** Tells whether a value is an object of JSON: no list, and not null. */
export const isObject = (value: unknown): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const quote = 0x22;
const backslash = 0x5c;

/** Counts brackets outside of texts. Bytes of UTF-8 beyond ASCII are never taken for one of these. */
const isTooDeep = (bytes: Uint8Array): boolean => {
  let depth = 0;
  let inText = false;
  for (let n = 0; n < bytes.length; n++) {
    const b = bytes[n] as number;
    if (inText) {
      if (b === backslash) n++;
      else if (b === quote) inText = false;
    } else if (b === quote) inText = true;
    else if (b === 0x7b || b === 0x5b) {
      if (++depth > maxDepth) return true;
    } else if (b === 0x7d || b === 0x5d) depth--;
  }
  return false;
};

/**
 * Lists the members of a JSON object as they are written, by name: `1.0` is not `1` here. Undefined for a text that is
 * no object, or has a member twice.
 */
export const rawMembers = (text: string): Map<string, string> | undefined => {
  try {
    if (!isObject(JSON.parse(text))) return undefined;
  } catch {
    return undefined;
  }
  const out = new Map<string, string>();
  let at = text.indexOf("{") + 1;
  for (;;) {
    while (/[\s,]/.test(text[at] as string)) at++;
    if (text[at] === "}") return out;
    const nameEnd = endOfText(text, at);
    const name = JSON.parse(text.slice(at, nameEnd)) as string;
    const valueAt = text.indexOf(":", nameEnd) + 1;
    at = endOfValue(text, valueAt);
    if (out.has(name)) return undefined;
    out.set(name, text.slice(valueAt, at).trim());
  }
};

const endOfText = (text: string, at: number): number => {
  for (at++; text[at] !== '"'; at++) if (text[at] === "\\") at++;
  return at + 1;
};

const endOfValue = (text: string, at: number): number => {
  for (let depth = 0; ; at++) {
    const c = text[at] as string;
    if (c === '"') at = endOfText(text, at) - 1;
    else if (depth === 0 && (c === "," || c === "}")) return at;
    else if (c === "{" || c === "[") depth++;
    else if (c === "}" || c === "]") depth--;
  }
};
