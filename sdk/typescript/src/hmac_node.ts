// Stands in the place of hmac.ts in Node.js, whose WebCrypto makes each HMAC on another thread: to go there and back
// costs more than all else that a delivery of 1 KiB needs.
import { createHmac, createSecretKey, type KeyObject } from "node:crypto";

export type Secret = KeyObject;

export const importSecret = async (secret: Uint8Array): Promise<Secret> => createSecretKey(secret);

export const mac = (secret: Secret, prefix: string, body: Uint8Array): Uint8Array =>
  createHmac("sha256", secret).update(`${prefix}.`).update(body).digest();
