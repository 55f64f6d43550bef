package io.github.callouthq.callout.sign;

import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

/** HMAC-SHA256 under one secret. A Mac is for one thread, and dear to make, so each use takes a copy of one. */
final class Hmac {
    private static final String NAME = "HmacSHA256";

    private final Mac ready;

    Hmac(byte[] secret) {
        try {
            ready = Mac.getInstance(NAME);
            ready.init(new SecretKeySpec(secret, NAME));
            ready.clone();
        } catch (GeneralSecurityException | CloneNotSupportedException e) {
            throw new IllegalStateException("the JDK lacks " + NAME, e);
        }
    }

    /** Signs the prefix, a dot and the body. */
    byte[] sign(String prefix, byte[] body) {
        try {
            var mac = (Mac) ready.clone();
            mac.update(prefix.getBytes(StandardCharsets.UTF_8));
            mac.update((byte) '.');
            return mac.doFinal(body);
        } catch (CloneNotSupportedException e) {
            throw new IllegalStateException(e);
        }
    }
}
