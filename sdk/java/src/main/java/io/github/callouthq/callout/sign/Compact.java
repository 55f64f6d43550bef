package io.github.callouthq.callout.sign;

import io.github.callouthq.callout.json.Json;
import io.github.callouthq.callout.json.JsonException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;

/** The compact form of JOSE: parts of canonical base64url with dots between, the first of which is a JSON object. */
final class Compact {
    private static final int MAX = 16 << 20;

    final String[] texts;
    final byte[][] parts;
    final Map<String, Object> header;

    private Compact(String[] texts, byte[][] parts, Map<String, Object> header) {
        this.texts = texts;
        this.parts = parts;
        this.header = header;
    }

    /**
     * Reads it. Members of the header that are not named may ask for something, such as a key to be fetched or something to
     * be unpacked, so they are refused.
     */
    static Compact read(byte[] body, int count, Set<String> members, String what) throws NotGenuineException {
        var texts = new String(body, StandardCharsets.ISO_8859_1).split("\\.", count + 1);
        if (body.length > MAX || texts.length != count) {
            throw new NotGenuineException(what + ": it has not " + count + " parts with dots between");
        }
        var parts = new byte[count][];
        for (int n = 0; n < count; n++) {
            parts[n] = Base64Text.url(texts[n]);
            if (parts[n] == null) {
                throw new NotGenuineException(what + ": a part is no canonical base64url");
            }
        }
        var header = once(parts[0], what + ": its header");
        if (!members.containsAll(header.keySet())) {
            throw new NotGenuineException(what + ": its header has a member that is not expected");
        }
        return new Compact(texts, parts, header);
    }

    /** Reads a JSON object in which no member stands twice. */
    static Map<String, Object> once(byte[] json, String what) throws NotGenuineException {
        try {
            var out = new HashMap<String, Object>();
            for (var member : Json.scan(json)) {
                if (out.put(member.name(), Json.value(json, member)) != null) {
                    throw new NotGenuineException(what + " has a member twice");
                }
            }
            return out;
        } catch (JsonException e) {
            throw new NotGenuineException(what + " is no JSON object");
        }
    }

    /** What is signed, or authenticated: the first parts as they came. */
    byte[] head(int count) {
        return String.join(".", Arrays.copyOf(texts, count)).getBytes(StandardCharsets.US_ASCII);
    }

    String text(String member) {
        return header.get(member) instanceof String text ? text : "";
    }
}
