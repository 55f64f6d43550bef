import { toBase64, toHex } from "./base64.js";
import { importKeys, importSeed, readKey } from "./key.js";
import type { Scheme } from "./options.js";
import { signedBytes } from "./signed.js";

/** Signs a body as Callout does, by those of the schemes that the key is for. Gives the headers. */
export const signHeaders = async (
  text: string,
  schemes: readonly Scheme[],
  id: string,
  seconds: number,
  body: Uint8Array,
): Promise<Record<string, string>> => {
  const key = readKey(text, 0);
  const { zitadel, standard } = await importKeys(key.seed || key.public ? [] : [key]);
  const out: Record<string, string> = {};
  if (zitadel[0] && schemes.includes("zitadel")) {
    out["zitadel-signature"] = `t=${seconds},v1=${toHex(await zitadel[0](String(seconds), body))}`;
  }
  const entries: string[] = [];
  if (standard[0] && schemes.includes("standard")) {
    entries.push(`v1,${toBase64(await standard[0](`${id}.${seconds}`, body))}`);
  }
  if (key.seed && schemes.includes("standard_v1a")) {
    const signed = signedBytes(`${id}.${seconds}`, body);
    const signature = await crypto.subtle.sign({ name: "Ed25519" }, await importSeed(key.seed), signed);
    entries.push(`v1a,${toBase64(new Uint8Array(signature))}`);
  }
  if (Object.keys(out).length + entries.length === 0) throw new TypeError("callout: the key signs none of these schemes");
  if (entries.length === 0) return out;
  return { ...out, "webhook-id": id, "webhook-timestamp": String(seconds), "webhook-signature": entries.join(" ") };
};
