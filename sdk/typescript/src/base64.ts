// Bytes in base64 and in hex, in their one canonical form. What is not in that form is undefined: two texts of
// the same bytes would let somebody change a signed header without breaking its signature.

/** Bytes of their own memory, as WebCrypto takes them. */
export type Bytes = Uint8Array<ArrayBuffer>;

const standard = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const url = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

const tableOf = (alphabet: string): Int8Array => {
  const table = new Int8Array(128).fill(-1);
  for (let n = 0; n < alphabet.length; n++) table[alphabet.charCodeAt(n)] = n;
  return table;
};
const standardTable = tableOf(standard);
const urlTable = tableOf(url);
const hexTable = tableOf("0123456789abcdef");

/** Reads padded standard base64. */
export const fromBase64 = (text: string): Bytes | undefined => {
  if (text.length % 4 !== 0) return undefined;
  const padding = text.endsWith("==") ? 2 : text.endsWith("=") ? 1 : 0;
  return read(text, text.length - padding, standardTable);
};

/** Reads unpadded base64url. */
export const fromBase64url = (text: string): Bytes | undefined => read(text, text.length, urlTable);

const read = (text: string, length: number, table: Int8Array): Bytes | undefined => {
  const rest = length % 4;
  if (rest === 1) return undefined;
  const out = new Uint8Array((length >> 2) * 3 + (rest === 0 ? 0 : rest - 1));
  let bits = 0;
  let have = 0;
  let at = 0;
  for (let n = 0; n < length; n++) {
    const value = table[text.charCodeAt(n)] ?? -1;
    if (value < 0) return undefined;
    bits = ((bits << 6) | value) & 0xfff;
    have += 6;
    if (have < 8) continue;
    have -= 8;
    out[at++] = (bits >> have) & 0xff;
  }
  // What is left over of the last character must be zero, else there are several texts for these bytes.
  return (bits & ((1 << have) - 1)) === 0 ? out : undefined;
};

const write = (bytes: Uint8Array, alphabet: string): string => {
  let out = "";
  for (let n = 0; n < bytes.length; n += 3) {
    const three = ((bytes[n] ?? 0) << 16) | ((bytes[n + 1] ?? 0) << 8) | (bytes[n + 2] ?? 0);
    const characters = Math.min(bytes.length - n, 3) + 1;
    for (let c = 0; c < characters; c++) out += alphabet[(three >> (18 - 6 * c)) & 63];
  }
  return out;
};

/** Writes padded standard base64. */
export const toBase64 = (bytes: Uint8Array): string => {
  const text = write(bytes, standard);
  return text + "=".repeat((4 - (text.length % 4)) % 4);
};

/** Writes unpadded base64url. */
export const toBase64url = (bytes: Uint8Array): string => write(bytes, url);

/** Reads hex in lower case. */
export const fromHex = (text: string): Bytes | undefined => {
  if (text.length % 2 !== 0) return undefined;
  const out = new Uint8Array(text.length / 2);
  for (let n = 0; n < text.length; n += 2) {
    const high = hexTable[text.charCodeAt(n)] ?? -1;
    const low = hexTable[text.charCodeAt(n + 1)] ?? -1;
    if (high < 0 || low < 0) return undefined;
    out[n / 2] = (high << 4) | low;
  }
  return out;
};

/** Writes hex in lower case. */
export const toHex = (bytes: Uint8Array): string => Array.from(bytes, (b) => b.toString(16).padStart(2, "0")).join("");
