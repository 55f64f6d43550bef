import type { Bytes } from "./base64.js";
import { signedBytes } from "./signed.js";
import type { CryptoKey } from "./webcrypto.js";

/** A secret that HMAC-SHA256 is made with. */
export type Secret = CryptoKey;

export const importSecret = (secret: Bytes): Promise<Secret> =>
  crypto.subtle.importKey("raw", secret, { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);

/** HMAC-SHA256 over a prefix, a dot and a body. */
export const mac = async (secret: Secret, prefix: string, body: Uint8Array): Promise<Uint8Array> =>
  new Uint8Array(await crypto.subtle.sign("HMAC", secret, signedBytes(prefix, body)));
