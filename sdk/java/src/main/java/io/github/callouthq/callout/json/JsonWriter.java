package io.github.callouthq.callout.json;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.util.Map;

/** Writes values as JSON: what JsonReader builds, and what is like it. */
final class JsonWriter {
    private final StringBuilder out = new StringBuilder(256);
    private int depth;

    String write(Object value) {
        any(value);
        return out.toString();
    }

    private void any(Object value) {
        if (value == null || value instanceof Boolean) {
            out.append(value);
        } else if (value instanceof CharSequence || value instanceof Character || value instanceof Enum<?>) {
            JsonText.write(value instanceof Enum<?> constant ? constant.name() : value.toString(), out);
        } else if (value instanceof Number number) {
            number(number);
        } else if (value instanceof Map<?, ?> map) {
            enter();
            map(map);
            depth--;
        } else if (value instanceof Iterable<?> list) {
            enter();
            list(list);
            depth--;
        } else {
            throw new JsonException("a " + value.getClass().getSimpleName() + " cannot be written as JSON: a codec may");
        }
    }

    private void enter() {
        if (++depth > Json.MAX_DEPTH) {
            throw new JsonException("it is nested more than " + Json.MAX_DEPTH + " deep, or holds itself");
        }
    }

    private void number(Number number) {
        boolean exact = number instanceof Long || number instanceof Integer || number instanceof Short || number instanceof Byte
                || number instanceof BigInteger || number instanceof BigDecimal || number instanceof UnusualNumber;
        if (!exact && !Double.isFinite(number.doubleValue())) {
            throw new JsonException("NaN and Infinity are no JSON");
        }
        out.append(number);
    }

    private void map(Map<?, ?> map) {
        char before = '{';
        for (var entry : map.entrySet()) {
            if (!(entry.getKey() instanceof String name)) {
                throw new JsonException("the name of a member is no text");
            }
            out.append(before);
            before = ',';
            JsonText.write(name, out);
            out.append(':');
            any(entry.getValue());
        }
        out.append(before == '{' ? "{}" : "}");
    }

    private void list(Iterable<?> list) {
        char before = '[';
        for (Object element : list) {
            out.append(before);
            before = ',';
            any(element);
        }
        out.append(before == '[' ? "[]" : "]");
    }
}
