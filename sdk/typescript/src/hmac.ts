import type { Bytes } from "./base64.js";
import type { Secret } from "./secret.js";
import { signedBytes } from "./signed.js";

/** Imports a secret. */
export const importSecret = async (secret: Bytes): Promise<Secret> => {
  const key = await crypto.subtle.importKey("raw", secret, { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
  return async (prefix, body) => new Uint8Array(await crypto.subtle.sign("HMAC", key, signedBytes(prefix, body)));
};
