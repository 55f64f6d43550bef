package io.github.callouthq.callout;

import io.github.callouthq.callout.codec.Codec;
import io.github.callouthq.callout.codec.RecordCodec;
import io.github.callouthq.callout.sign.Jwks;
import io.github.callouthq.callout.sign.Scheme;
import io.github.callouthq.callout.sign.Verifier;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Set;

/** The options of a receiver. It is for one thread; each method gives the builder itself. */
public final class CalloutBuilder {
    Codec codec = new RecordCodec();
    int maxBody = 1 << 20;
    int threads = 200;
    String path;
    Store store = new MemoryStore();
    Log log = Log.stderr();
    FallbackHandler fallback;
    Clock clock = Clock.systemUTC();

    private final List<String> keys = new ArrayList<>();
    private final Map<String, String> privateKeys = new LinkedHashMap<>();
    private Set<Scheme> schemes = Set.of();
    private Jwks jwks;
    private String jwksUrl;
    private Verifier.Payload payload = Verifier.Payload.JSON;
    private String issuer = "";
    private String audience = "";
    private boolean unsigned;

    CalloutBuilder() {}

    /**
     * Takes what the environment says: {@code CALLOUT_KEYS} (commas between), {@code CALLOUT_JWKS} (a URL), {@code CALLOUT_ISSUER},
     * {@code CALLOUT_AUDIENCE}, {@code CALLOUT_PRIVATE_KEYS} ({@code KID=PATH} of PEM files, commas between) and
     * {@code CALLOUT_PAYLOAD} ({@code jwt} or {@code jwe}).
     *
     * @param env the environment, such as {@link System#getenv()}
     * @return this
     * @throws IllegalArgumentException if a variable cannot be read
     */
    public CalloutBuilder env(Map<String, String> env) {
        split(env.get("CALLOUT_KEYS")).forEach(this::key);
        if (!env.getOrDefault("CALLOUT_JWKS", "").isBlank()) {
            jwksUrl(env.get("CALLOUT_JWKS").trim());
        }
        issuer(env.getOrDefault("CALLOUT_ISSUER", issuer));
        audience(env.getOrDefault("CALLOUT_AUDIENCE", audience));
        for (String pair : split(env.get("CALLOUT_PRIVATE_KEYS"))) {
            int at = pair.indexOf('=');
            if (at < 1) {
                throw new IllegalArgumentException("CALLOUT_PRIVATE_KEYS is KID=PATH, with commas between");
            }
            privateKey(pair.substring(0, at), file(pair.substring(at + 1)));
        }
        switch (env.getOrDefault("CALLOUT_PAYLOAD", "").trim().toLowerCase(Locale.ROOT)) {
            case "" -> { }
            case "jwt" -> payload(Verifier.Payload.JWT);
            case "jwe" -> payload(Verifier.Payload.JWE);
            default -> throw new IllegalArgumentException("CALLOUT_PAYLOAD is jwt or jwe");
        }
        return this;
    }

    private static List<String> split(String list) {
        return list == null ? List.of() : Arrays.stream(list.split(",")).map(String::trim).filter(s -> !s.isEmpty()).toList();
    }

    private static String file(String path) {
        try {
            return Files.readString(Path.of(path));
        } catch (IOException e) {
            throw new IllegalArgumentException("a file of CALLOUT_PRIVATE_KEYS cannot be read", e);
        }
    }

    /**
     * Takes a key. With several, one signature that fits one of them is enough.
     *
     * @param key {@code whsec_}, {@code whpk_} or {@code whsk_} and base64, or a key of ZITADEL's
     * @return this
     */
    public CalloutBuilder key(String key) {
        keys.add(Objects.requireNonNull(key));
        return this;
    }

    /**
     * Narrows the schemes.
     *
     * @param only those that are taken
     * @return this
     */
    public CalloutBuilder schemes(Scheme... only) {
        schemes = Set.of(only);
        return this;
    }

    /**
     * Takes the keys of the instance as a value.
     *
     * @param keys the set
     * @return this
     */
    public CalloutBuilder jwks(Jwks keys) {
        jwks = keys;
        return this;
    }

    /**
     * Fetches the keys of the instance. They are kept for what {@code Cache-Control} says, an hour at most.
     *
     * @param url where they are, such as {@code https://callout.example.com/.well-known/jwks.json}
     * @return this
     */
    public CalloutBuilder jwksUrl(String url) {
        jwksUrl = url;
        return this;
    }

    /**
     * Says in which form bodies come, as the target's {@code payload} does.
     *
     * @param form the form
     * @return this
     */
    public CalloutBuilder payload(Verifier.Payload form) {
        payload = Objects.requireNonNull(form);
        return this;
    }

    /**
     * Says what {@code iss} of a JWT must be.
     *
     * @param instance the instance; "" is not looked at
     * @return this
     */
    public CalloutBuilder issuer(String instance) {
        issuer = Objects.requireNonNull(instance);
        return this;
    }

    /**
     * Says what {@code aud} of a JWT must be. Every target of an instance is signed for with the same key, so say it.
     *
     * @param target the target, {@code [ORG:]NAME}; "" is not looked at
     * @return this
     */
    public CalloutBuilder audience(String target) {
        audience = Objects.requireNonNull(target);
        return this;
    }

    /**
     * Takes a private key that a JWE is opened with.
     *
     * @param kid the id that its public half has in Callout
     * @param pem the key, as {@code openssl genpkey} writes it
     * @return this
     */
    public CalloutBuilder privateKey(String kid, String pem) {
        privateKeys.put(kid, pem);
        return this;
    }

    /**
     * Takes requests that nobody signed, where there is no key: for a receiver behind something that has checked them.
     *
     * @return this
     */
    public CalloutBuilder unsigned() {
        unsigned = true;
        return this;
    }

    /**
     * Bounds bodies.
     *
     * @param bytes how long one is at most, 1 MiB unless this is called; at least 1
     * @return this
     */
    public CalloutBuilder maxBody(int bytes) {
        if (bytes < 1) {
            throw new IllegalArgumentException("a body has at least one byte");
        }
        maxBody = bytes;
        return this;
    }

    /**
     * Serves one path alone. Every path is served unless this is called.
     *
     * @param only the path, such as {@code /hooks}
     * @return this
     */
    public CalloutBuilder path(String only) {
        path = only;
        return this;
    }

    /**
     * Bounds the threads of the server that {@link Callout#serve} starts, which is how many requests it handles at once.
     *
     * @param most how many, 200 unless this is called; at least 1
     * @return this
     */
    public CalloutBuilder threads(int most) {
        if (most < 1) {
            throw new IllegalArgumentException("a server has at least one thread");
        }
        threads = most;
        return this;
    }

    /**
     * Says how JSON is turned into types. {@link RecordCodec} unless this is called.
     *
     * @param with the codec
     * @return this
     */
    public CalloutBuilder codec(Codec with) {
        codec = Objects.requireNonNull(with);
        return this;
    }

    /**
     * Says where it is kept which deliveries are done. In memory unless this is called.
     *
     * @param where the store
     * @return this
     */
    public CalloutBuilder store(Store where) {
        store = Objects.requireNonNull(where);
        return this;
    }

    /**
     * Says where the SDK tells what went wrong. On the standard error unless this is called.
     *
     * @param to the log
     * @return this
     */
    public CalloutBuilder log(Log to) {
        log = Objects.requireNonNull(to);
        return this;
    }

    /**
     * Answers what no handler covers. 404 with {@code unknown_condition} unless this is called, so that a wrong execution is seen.
     *
     * @param handler the fallback
     * @return this
     */
    public CalloutBuilder fallback(FallbackHandler handler) {
        fallback = handler;
        return this;
    }

    /**
     * Says what time it is, for tests.
     *
     * @param now the clock that times of signatures are held against
     * @return this
     */
    public CalloutBuilder clock(Clock now) {
        clock = Objects.requireNonNull(now);
        return this;
    }

    /**
     * Makes the receiver.
     *
     * @return it, without a handler
     * @throws IllegalArgumentException if a key is none, or there is none at all; the message shows nothing of a key
     */
    public Callout build() {
        return new Callout(this);
    }

    Verifier.Options verification() {
        return new Verifier.Options(keys, schemes, jwks, jwksUrl, payload, issuer, audience, privateKeys, unsigned);
    }
}
