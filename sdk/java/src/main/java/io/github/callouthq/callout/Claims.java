package io.github.callouthq.callout;

import java.util.ArrayList;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/** How a function completes a token, as ZITADEL wants it. It is immutable: each verb gives claims with one more. */
public final class Claims implements Answer {
    private final Map<String, List<Object>> members;

    Claims() {
        this(Map.of());
    }

    private Claims(Map<String, List<Object>> members) {
        this.members = members;
    }

    /**
     * Adds a claim to the token.
     *
     * @param key   its name
     * @param value what the codec writes
     * @return claims with it
     */
    public Claims claim(String key, Object value) {
        var claim = new LinkedHashMap<String, Object>();
        claim.put("key", Objects.requireNonNull(key));
        claim.put("value", value);
        return with("append_claims", claim);
    }

    /**
     * Sets metadata of the user.
     *
     * @param key   its name
     * @param value its value, which is sent as base64
     * @return claims with it
     */
    public Claims metadata(String key, byte[] value) {
        var metadata = new LinkedHashMap<String, Object>();
        metadata.put("key", Objects.requireNonNull(key));
        metadata.put("value", Base64.getEncoder().encodeToString(value));
        return with("set_user_metadata", metadata);
    }

    /**
     * Adds a text to the claims of the token that are a log.
     *
     * @param text the text
     * @return claims with it
     */
    public Claims logClaim(String text) {
        return with("append_log_claims", Objects.requireNonNull(text));
    }

    private Claims with(String member, Object one) {
        var all = new LinkedHashMap<>(members);
        var list = new ArrayList<>(all.getOrDefault(member, List.of()));
        list.add(one);
        all.put(member, list);
        return new Claims(all);
    }

    Map<String, List<Object>> members() {
        return members;
    }
}
