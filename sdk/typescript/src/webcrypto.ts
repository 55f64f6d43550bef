// The types of WebCrypto are declared by another library in each run time; these are found in all of them.

/** A key of WebCrypto. */
export type CryptoKey = Awaited<ReturnType<typeof crypto.subtle.importKey>>;

/** A JSON Web Key (RFC 7517), as far as it is looked at. */
export interface Jwk {
  readonly [member: string]: unknown;
}
