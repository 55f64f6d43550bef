// Stands in the place of hmac.ts in Node.js, whose WebCrypto makes each HMAC on another thread: to go there and back
// costs more than all else that a delivery of 1 KiB needs.
import { createHmac, createSecretKey } from "node:crypto";

import type { Secret } from "./secret.js";

export const importSecret = async (secret: Uint8Array): Promise<Secret> => {
  const key = createSecretKey(secret);
  return (prefix, body) => createHmac("sha256", key).update(`${prefix}.`).update(body).digest();
};
