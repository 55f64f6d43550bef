package io.github.callouthq.callout.json;

import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;

/**
 * A small strict JSON: RFC 8259 in UTF-8, at most {@value #MAX_DEPTH} deep, nothing behind it, no {@code NaN}. Numbers keep
 * their value: whole ones are {@link Long} or {@link java.math.BigInteger}, others {@link java.math.BigDecimal}.
 * Of two members of one name the last counts. Its methods may be called by several threads.
 */
public final class Json {
    /** How deep JSON may be nested; an object without objects in it is 1 deep. */
    public static final int MAX_DEPTH = 128;

    private Json() {}

    /**
     * Reads JSON.
     *
     * @param bytes one JSON value in UTF-8
     * @return a {@link Map}, {@link List}, {@link String}, {@link Number}, {@link Boolean} or null
     * @throws JsonException if it is none
     */
    public static Object read(byte[] bytes) {
        new JsonScanner(bytes, 0, bytes.length).document();
        return new JsonReader(bytes, 0).value();
    }

    /**
     * Reads a part of JSON that was scanned, which is not checked again.
     *
     * @param bytes  what {@link #scan} was given
     * @param member one of its members
     * @return as {@link #read}
     */
    public static Object value(byte[] bytes, Member member) {
        return new JsonReader(bytes, member.from()).value();
    }

    /**
     * Checks a JSON object and finds its members, without building their values.
     *
     * @param bytes one JSON object in UTF-8
     * @return the members in their order; a name may stand twice
     * @throws JsonException if it is no JSON object
     */
    public static List<Member> scan(byte[] bytes) {
        return new JsonScanner(bytes, 0, bytes.length).object();
    }

    /**
     * Reads a JSON object.
     *
     * @param bytes one JSON object in UTF-8
     * @return its members in their order
     * @throws JsonException if it is no JSON object
     */
    @SuppressWarnings("unchecked")
    public static Map<String, Object> readObject(byte[] bytes) {
        scan(bytes);
        return (Map<String, Object>) new JsonReader(bytes, 0).value();
    }

    /**
     * Writes JSON.
     *
     * @param value what {@link #read} gives, or any {@link Iterable}, {@link CharSequence}, {@link Enum} or finite number
     * @return one JSON value in UTF-8, without a space
     * @throws JsonException if it holds anything else, or is nested too deep
     */
    public static byte[] write(Object value) {
        return new JsonWriter().write(value).getBytes(StandardCharsets.UTF_8);
    }
}
