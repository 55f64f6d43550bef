package io.github.callouthq.callout.sign;

/** A way in which a request is signed. */
public enum Scheme {
    /** Standard Webhooks by HMAC-SHA256, {@code v1}. */
    STANDARD,
    /** Standard Webhooks by ed25519, {@code v1a}. */
    STANDARD_V1A,
    /** ZITADEL's header. */
    ZITADEL
}
