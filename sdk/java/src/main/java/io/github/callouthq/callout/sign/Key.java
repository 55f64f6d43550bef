package io.github.callouthq.callout.sign;

import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.security.PrivateKey;
import java.security.PublicKey;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** A key as a text, read: what it signs and verifies with, by scheme. What it cannot do is null. */
final class Key {
    private static final int MIN_SECRET = 24;
    private static final int MAX_SECRET = 64;
    private static final int MAX_TEXT = 512;

    final Hmac zitadel;
    final Hmac standard;
    final PublicKey publicKey;
    final PrivateKey privateKey;

    private Key(Hmac zitadel, Hmac standard, PublicKey publicKey, PrivateKey privateKey) {
        this.zitadel = zitadel;
        this.standard = standard;
        this.publicKey = publicKey;
        this.privateKey = privateKey;
    }

    static Key ofPublic(PublicKey key) {
        return new Key(null, null, key, null);
    }

    /** Reads texts. The message of the error says which of them is wrong, and shows nothing of it. */
    static List<Key> parseAll(List<String> texts) {
        var keys = new ArrayList<Key>();
        for (var text : texts) {
            try {
                keys.add(parse(text));
            } catch (IllegalArgumentException e) {
                throw new IllegalArgumentException("key " + (keys.size() + 1) + ": " + e.getMessage());
            }
        }
        return List.copyOf(keys);
    }

    /** Reads a text. The message of the error shows nothing of it. */
    static Key parse(String text) {
        var bytes = text.getBytes(StandardCharsets.UTF_8);
        try {
            if (text.startsWith("whsec_")) {
                return new Key(new Hmac(bytes), new Hmac(secret(text.substring(6))), null, null);
            } else if (text.startsWith("whpk_")) {
                return ofPublic(Ed25519.publicKey(decode("whpk_", "32", text, Ed25519.KEY_SIZE)));
            } else if (text.startsWith("whsk_")) {
                return ofPrivate(decode("whsk_", "32 or 64", text, 2 * Ed25519.KEY_SIZE));
            }
        } catch (GeneralSecurityException e) {
            throw new IllegalArgumentException("a key cannot be used: " + e.getMessage());
        }
        if (bytes.length == 0 || bytes.length > MAX_TEXT || text.isBlank()) {
            throw new IllegalArgumentException("a key has 1 to " + MAX_TEXT + " bytes, which are not all space");
        }
        var bare = Base64Text.standard(text);
        boolean standard = bare != null && bare.length >= MIN_SECRET && bare.length <= MAX_SECRET;
        return new Key(new Hmac(bytes), standard ? new Hmac(bare) : null, null, null);
    }

    private static byte[] secret(String text) {
        var raw = Base64Text.standard(text);
        if (raw == null || raw.length < MIN_SECRET || raw.length > MAX_SECRET) {
            throw new IllegalArgumentException("a whsec_ key is 24 to 64 bytes in padded standard base64");
        }
        return raw;
    }

    private static byte[] decode(String prefix, String sizes, String text, int other) {
        var raw = Base64Text.standard(text.substring(prefix.length()));
        if (raw == null || raw.length != Ed25519.KEY_SIZE && raw.length != other) {
            throw new IllegalArgumentException("a " + prefix + " key is " + sizes + " bytes in padded standard base64");
        }
        return raw;
    }

    private static Key ofPrivate(byte[] raw) throws GeneralSecurityException {
        var seed = Arrays.copyOf(raw, Ed25519.KEY_SIZE);
        var half = Ed25519.publicOf(seed);
        // Whoever signs with a public half that is not the seed's gives the seed away.
        boolean whole = raw.length > seed.length;
        if (whole && !MessageDigest.isEqual(half, Arrays.copyOfRange(raw, seed.length, raw.length))) {
            throw new IllegalArgumentException("the two halves of a whsk_ key do not belong together");
        }
        return new Key(null, null, Ed25519.publicKey(half), Ed25519.privateKey(seed));
    }
}
