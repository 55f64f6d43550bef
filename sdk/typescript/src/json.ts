import { Refusal } from "./refusal.js";

/** An object of JSON whose members are not known beforehand. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any
export type JsonObject = { [name: string]: any };

/** How deep a body may be nested, the body itself counted. */
export const maxDepth = 128;

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Reads bytes as one JSON object. Throws a Refusal with code malformed. */
export const readObject = (bytes: Uint8Array): JsonObject => {
  let value: unknown;
  try {
    value = JSON.parse(decoder.decode(bytes));
  } catch (cause) {
    throw new Refusal("malformed", "the body is no JSON in UTF-8", { cause });
  }
  if (!isObject(value)) throw new Refusal("malformed", "the body is JSON, but no object");
  if (!isWithin(value, maxDepth)) throw new Refusal("malformed", "the body is nested more than 128 deep");
  return value;
};

/** Tells whether a value is an object of JSON: no list, and not null. */
export const isObject = (value: unknown): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Tells whether a value is nested so many levels deep at most. */
const isWithin = (value: unknown, levels: number): boolean => {
  if (typeof value !== "object" || value === null) return true;
  if (levels === 0) return false;
  if (Array.isArray(value)) return value.every((one) => isWithin(one, levels - 1));
  for (const name in value) {
    if (!isWithin((value as JsonObject)[name], levels - 1)) return false;
  }
  return true;
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
