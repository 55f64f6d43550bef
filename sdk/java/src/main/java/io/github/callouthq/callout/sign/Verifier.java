package io.github.callouthq.callout.sign;

import io.github.callouthq.callout.http.Headers;
import java.time.Instant;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** Tells whether requests are genuine. It is made once, and may be used by several threads. */
public final class Verifier {
    private static final String DELIVERY_ID = "Callout-Delivery-Id";
    private static final int MAX_ID = 255;

    private final List<Key> keys;
    private final List<Key> standard;
    private final Set<Scheme> schemes;
    private final JwksSource jwks;
    private final Payload payload;
    private final Jwt jwt;
    private final Jwe jwe;
    private final boolean unsigned;

    /** The form in which bodies come. */
    public enum Payload {
        /** As JSON. */
        JSON,
        /** As a JWT. */
        JWT,
        /** As a JWE with a JWT in it. */
        JWE
    }

    /**
     * What a verifier is made of.
     *
     * @param keys        keys as texts: {@code whsec_}, {@code whpk_}, {@code whsk_}, or ZITADEL's
     * @param schemes     which schemes are taken; none stands for all
     * @param jwks        the keys of the instance, or null
     * @param jwksUrl     where they are fetched, or null; only one of the two
     * @param payload     the form of bodies
     * @param issuer      {@code iss} of a JWT; "" is not looked at
     * @param audience    {@code aud} of a JWT; "" is not looked at
     * @param privateKeys private keys in PEM by their ids, for a JWE
     * @param unsigned    whether nothing is checked where there is no key
     */
    public record Options(
            List<String> keys,
            Set<Scheme> schemes,
            Jwks jwks,
            String jwksUrl,
            Payload payload,
            String issuer,
            String audience,
            Map<String, String> privateKeys,
            boolean unsigned) {}

    /**
     * Makes a verifier.
     *
     * @param options what it is made of
     * @throws IllegalArgumentException if a key is none, or there is none at all; the message shows nothing of a key
     */
    public Verifier(Options options) {
        keys = Key.parseAll(options.keys());
        schemes = options.schemes().isEmpty() ? EnumSet.allOf(Scheme.class) : EnumSet.copyOf(options.schemes());
        standard = ofStandard(keys);
        payload = options.payload();
        var given = options.jwks();
        jwks = given != null ? unknown -> given : options.jwksUrl() != null ? new FetchedJwks(options.jwksUrl()) : null;
        unsigned = options.unsigned() && keys.isEmpty() && jwks == null;
        if (keys.isEmpty() && jwks == null && !unsigned) {
            throw new IllegalArgumentException("there is no key: set CALLOUT_KEYS, give a key or a JWKS, or say that requests are unsigned");
        }
        if (payload != Payload.JSON && jwks == null) {
            throw new IllegalArgumentException("a JWT is checked with a JWKS: set CALLOUT_JWKS, or give one");
        }
        if (payload == Payload.JWE && options.privateKeys().isEmpty()) {
            throw new IllegalArgumentException("a JWE is opened with a private key: set CALLOUT_PRIVATE_KEYS, or give one");
        }
        jwt = payload == Payload.JSON ? null : new Jwt(jwks, options.issuer(), options.audience());
        jwe = payload == Payload.JWE ? new Jwe(options.privateKeys()) : null;
    }

    /**
     * Tells the form of bodies.
     *
     * @return the form
     */
    public Payload payload() {
        return payload;
    }

    /**
     * Checks a request.
     *
     * @param headers its headers
     * @param body    its body as it came
     * @param now     the time of day
     * @return what it holds
     * @throws NotGenuineException      if it is not genuine
     * @throws KeysUnavailableException if the keys cannot be fetched
     */
    public Verified verify(Headers headers, byte[] body, Instant now) throws NotGenuineException, KeysUnavailableException {
        var id = "";
        if (!unsigned && (payload == Payload.JSON || !keys.isEmpty())) {
            id = signature(headers, body, now);
        }
        var read = body;
        if (jwt != null) {
            var opened = jwt.verify(jwe == null ? body : jwe.open(body), now);
            read = opened.payload();
            id = id.isEmpty() ? opened.id() : id;
        }
        return new Verified(read, id.isEmpty() ? unsignedId(headers) : id);
    }

    /** Gives the id that nobody has signed, "" where it could not be kept: whoever repeats a request may write there what they like. */
    private static String unsignedId(Headers headers) {
        var id = headers.one(DELIVERY_ID);
        return id != null && id.length() <= MAX_ID && id.chars().allMatch(c -> c > ' ' && c <= '~') ? id : "";
    }

    /** Checks the signatures in headers. What fails under the stronger scheme is never saved by the weaker one. */
    private String signature(Headers headers, byte[] body, Instant now) throws NotGenuineException, KeysUnavailableException {
        boolean instance = payload == Payload.JSON && jwks != null;
        var all = instance ? withInstance() : keys;
        var able = instance ? ofStandard(all) : standard;
        var given = able.isEmpty() ? null : StandardSignatures.read(headers);
        if (given != null && able.stream().anyMatch(given::holds)) {
            return given.verify(headers, body, now, able, all.size());
        }
        boolean zitadel = schemes.contains(Scheme.ZITADEL) && all.stream().anyMatch(key -> key.zitadel != null);
        if (!zitadel || headers.all(ZitadelSignature.HEADER).isEmpty()) {
            throw new NotGenuineException("no header holds a signature that could be checked with the keys at hand");
        }
        ZitadelSignature.verify(headers, body, now, all, all.size());
        return "";
    }

    /** Those of the keys that check Standard Webhooks, as far as its versions are taken. */
    private List<Key> ofStandard(List<Key> all) {
        boolean v1 = schemes.contains(Scheme.STANDARD);
        boolean v1a = schemes.contains(Scheme.STANDARD_V1A);
        return all.stream().filter(key -> v1 && key.standard != null || v1a && key.publicKey != null).toList();
    }

    private List<Key> withInstance() throws KeysUnavailableException {
        var all = new ArrayList<>(keys);
        all.addAll(jwks.keys(false).webhookKeys());
        return all;
    }
}
