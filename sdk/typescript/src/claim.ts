import { toBase64 } from "./base64.js";

/**
 * The answer of a function that completes a token, as ZITADEL wants it. Its verbs may follow one another:
 * `claim("uid", user.id).metadata("seen", "yes")` is one answer.
 */
export class Claims {
  append_claims?: { key: string; value: unknown }[];
  set_user_metadata?: { key: string; value: string }[];
  append_log_claims?: string[];

  /** Appends a claim to the token. The value is anything that JSON has. */
  claim(key: string, value: unknown): this {
    if (value === undefined) throw new TypeError(`callout: the claim ${key} has no value`);
    (this.append_claims ??= []).push({ key, value });
    return this;
  }

  /** Sets metadata of the user. A text is stored as its UTF-8 bytes. */
  metadata(key: string, value: Uint8Array | string): this {
    const bytes = typeof value === "string" ? new TextEncoder().encode(value) : value;
    (this.set_user_metadata ??= []).push({ key, value: toBase64(bytes) });
    return this;
  }

  /** Appends a line to the log claims of the token. */
  logClaim(text: string): this {
    (this.append_log_claims ??= []).push(text);
    return this;
  }
}

/** Appends a claim to the token: {@link Claims.claim}. */
export const claim = (key: string, value: unknown): Claims => new Claims().claim(key, value);

/** Sets metadata of the user: {@link Claims.metadata}. */
export const metadata = (key: string, value: Uint8Array | string): Claims => new Claims().metadata(key, value);

/** Appends a line to the log claims of the token: {@link Claims.logClaim}. */
export const logClaim = (text: string): Claims => new Claims().logClaim(text);
