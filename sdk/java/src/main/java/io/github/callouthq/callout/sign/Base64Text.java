package io.github.callouthq.callout.sign;

import java.util.Base64;

/** Base64 in its one canonical form. Java's own decoders take unpadded texts, and bits that mean nothing. */
final class Base64Text {
    private Base64Text() {}

    /** Reads padded standard base64; null if it is none. */
    static byte[] standard(String text) {
        return decode(text, Base64.getDecoder(), Base64.getEncoder());
    }

    /** Reads unpadded URL-safe base64 that is not empty; null if it is none. */
    static byte[] url(String text) {
        return text.isEmpty() ? null : decode(text, Base64.getUrlDecoder(), Base64.getUrlEncoder().withoutPadding());
    }

    private static byte[] decode(String text, Base64.Decoder decoder, Base64.Encoder encoder) {
        try {
            var raw = decoder.decode(text);
            return encoder.encodeToString(raw).equals(text) ? raw : null;
        } catch (IllegalArgumentException e) {
            return null;
        }
    }
}
