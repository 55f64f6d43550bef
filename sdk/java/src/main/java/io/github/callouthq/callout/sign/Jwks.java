package io.github.callouthq.callout.sign;

import io.github.callouthq.callout.json.Json;
import io.github.callouthq.callout.json.JsonException;
import java.math.BigInteger;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.PublicKey;
import java.security.spec.RSAPublicKeySpec;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** Public keys that an instance signs with, as RFC 7517 writes them. It may be used by several threads. */
public final class Jwks {
    /** How many bytes a set has at most. */
    public static final int MAX_BYTES = 256 << 10;

    private static final int MAX_KEYS = 64;
    private static final int MIN_RSA_BITS = 2048;
    private static final int MAX_RSA_BITS = 8192;

    /** A key that verifies with one algorithm. */
    record Verifying(String algorithm, PublicKey key) {}

    private final Map<String, Verifying> byId;

    private Jwks(Map<String, Verifying> byId) {
        this.byId = byId;
    }

    /**
     * Reads a set. Keys other than Ed25519 for EdDSA and RSA of 2048 to 8192 bits for RS256, and those without a
     * {@code kid}, are passed over.
     *
     * @param json the set, at most 256 KiB with at most 64 keys
     * @return the keys
     * @throws IllegalArgumentException if it is none, or two keys have one {@code kid}
     */
    public static Jwks parse(byte[] json) {
        if (json.length > MAX_BYTES) {
            throw new IllegalArgumentException("a set of keys has at most 256 KiB");
        }
        try {
            if (!(Json.readObject(json).get("keys") instanceof List<?> keys) || keys.size() > MAX_KEYS) {
                throw new IllegalArgumentException("a set of keys is an object with a list of at most 64 keys (RFC 7517)");
            }
            return read(keys);
        } catch (JsonException e) {
            throw new IllegalArgumentException("a set of keys is a JSON object (RFC 7517)");
        }
    }

    private static Jwks read(List<?> keys) {
        var byId = new HashMap<String, Verifying>();
        for (Object one : keys) {
            if (!(one instanceof Map<?, ?> jwk) || !(jwk.get("kid") instanceof String kid) || kid.isEmpty()) {
                continue;
            }
            var key = read(jwk);
            if (key != null && byId.put(kid, key) != null) {
                throw new IllegalArgumentException("two keys of a set have the same kid");
            }
        }
        return new Jwks(byId);
    }

    private static Verifying read(Map<?, ?> jwk) {
        if (jwk.containsKey("d") || jwk.get("use") != null && !"sig".equals(jwk.get("use"))) {
            return null;
        }
        try {
            if ("OKP".equals(jwk.get("kty")) && "Ed25519".equals(jwk.get("crv")) && isFor(jwk, "EdDSA")) {
                var x = bytes(jwk, "x");
                return x == null || x.length != Ed25519.KEY_SIZE ? null : new Verifying("EdDSA", Ed25519.publicKey(x));
            }
            return "RSA".equals(jwk.get("kty")) && isFor(jwk, "RS256") ? rsa(bytes(jwk, "n"), bytes(jwk, "e")) : null;
        } catch (GeneralSecurityException e) {
            return null; // such a key is none
        }
    }

    private static Verifying rsa(byte[] n, byte[] e) throws GeneralSecurityException {
        if (n == null || e == null) {
            return null;
        }
        var modulus = new BigInteger(1, n);
        if (modulus.bitLength() < MIN_RSA_BITS || modulus.bitLength() > MAX_RSA_BITS) {
            return null;
        }
        var spec = new RSAPublicKeySpec(modulus, new BigInteger(1, e));
        return new Verifying("RS256", KeyFactory.getInstance("RSA").generatePublic(spec));
    }

    private static boolean isFor(Map<?, ?> jwk, String algorithm) {
        return jwk.get("alg") == null || algorithm.equals(jwk.get("alg"));
    }

    private static byte[] bytes(Map<?, ?> jwk, String member) {
        return jwk.get(member) instanceof String text ? Base64Text.url(text) : null;
    }

    /** Gives the key of an id, or null. */
    Verifying key(String kid) {
        return byId.get(kid);
    }

    /** Gives the ed25519 keys, which sign {@code v1a} too. */
    List<Key> webhookKeys() {
        return byId.values().stream().filter(k -> k.algorithm().equals("EdDSA")).map(k -> Key.ofPublic(k.key())).toList();
    }
}
