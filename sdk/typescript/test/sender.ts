// What the tests sign with: node:crypto, so that nothing of the package vouches for itself.
import { createHmac, createPrivateKey, sign } from "node:crypto";

import { callout, type Log, type LogEntry, type Options, testKit } from "./package.js";

export const key = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
export const otherKey = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oDAAAAAAAAAAA=";
export const now = 1_700_000_000; // s
export const body = '{"fullMethod":"/acme.user.v1.UserService/CreateUser","request":{"a":1}}';

export const v1 = (text: string, id: string, stamp: string | number, signed: string | Uint8Array): string =>
  `v1,${createHmac("sha256", Buffer.from(text.replace("whsec_", ""), "base64")).update(`${id}.${stamp}.`).update(signed).digest("base64")}`;

export const zitadel = (text: string, stamp: string | number, signed: string | Uint8Array): string =>
  `t=${stamp},v1=${hex(text, stamp, signed)}`;

export const hex = (text: string, stamp: string | number, signed: string | Uint8Array): string =>
  createHmac("sha256", text).update(`${stamp}.`).update(signed).digest("hex");

export const v1a = (seed: Buffer, id: string, stamp: string | number, signed: string): string => {
  const der = Buffer.concat([Buffer.from("302e020100300506032b657004220420", "hex"), seed]);
  const private_ = createPrivateKey({ key: der, format: "der", type: "pkcs8" });
  return `v1a,${sign(null, Buffer.from(`${id}.${stamp}.${signed}`), private_).toString("base64")}`;
};

/** Headers as a list, so that one may stand several times, as a Verifier asks for them. */
export const values =
  (headers: readonly (readonly [string, string])[]) =>
  (name: string): readonly string[] =>
    headers.filter(([one]) => one === name).map(([, value]) => value);

/** Hooks with a kit that signs for them, and what they logged. */
export const target = (options: Options = {}) => {
  const logged: LogEntry[] = [];
  const log: Log = (entry) => void logged.push(entry);
  const hooks = callout({ keys: key, log, ...options });
  return { hooks, kit: testKit(hooks, { key }), logged };
};

/** Resolves once something holds, within a minute. */
export const until = async (holds: () => boolean | Promise<boolean>): Promise<void> => {
  const end = Date.now() + 60_000;
  while (!(await holds())) {
    if (Date.now() > end) throw new Error("it did not come about within a minute");
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
};
