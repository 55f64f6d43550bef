package io.github.callouthq.callout.sign;

/** Where the keys of an instance come from. It may be used by several threads. */
interface JwksSource {
    /** Gives the keys. {@code unknown} says that those given last did not hold what was looked for. */
    Jwks keys(boolean unknown) throws KeysUnavailableException;
}
