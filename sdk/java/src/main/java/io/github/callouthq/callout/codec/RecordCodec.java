package io.github.callouthq.callout.codec;

import io.github.callouthq.callout.json.Json;
import io.github.callouthq.callout.json.Member;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.Type;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * The codec that needs no library: records, maps, lists, sets, {@link Optional}, enums, texts, numbers and
 * booleans, nested as you like. A member that is missing is null, 0 or false; one that a record lacks is passed over. A
 * whole number may stand in quotes, as protobuf writes 64 bits.
 */
public final class RecordCodec implements Codec {
    private static final Map<Class<?>, Object> ZEROS = Map.of(
            int.class, 0, long.class, 0L, short.class, (short) 0, byte.class, (byte) 0,
            double.class, 0d, float.class, 0f, boolean.class, false, char.class, '\0');

    private final ClassValue<RecordShape> shapes = new ClassValue<>() {
        @Override
        protected RecordShape computeValue(Class<?> type) {
            return new RecordShape(type);
        }
    };

    /** Makes one. */
    public RecordCodec() {}

    @Override
    public Object read(byte[] json, int from, int to, Type type) throws Exception {
        return convert(Json.value(json, new Member("", from, to)), type, "the value");
    }

    @Override
    public byte[] write(Object value) throws Exception {
        return Json.write(plain(value, 0));
    }

    private Object convert(Object value, Type type, String what) throws ReflectiveOperationException {
        if (type instanceof ParameterizedType generic) {
            return generic(value, generic, what);
        }
        if (!(type instanceof Class<?> wanted)) {
            return value; // a type variable, which says nothing
        }
        if (value == null) {
            return wanted == Optional.class ? Optional.empty() : ZEROS.get(wanted);
        }
        if (wanted.isRecord() && value instanceof Map<?, ?> members) {
            return record(members, wanted);
        }
        if (wanted.isEnum() && value instanceof String name) {
            return constant(wanted, name, what);
        }
        var scalar = scalar(value, wanted);
        if (scalar == null) {
            throw new IllegalArgumentException(what + " is no " + wanted.getSimpleName());
        }
        return scalar;
    }

    private Object record(Map<?, ?> members, Class<?> type) throws ReflectiveOperationException {
        var shape = shapes.get(type);
        var values = new Object[shape.names.length];
        for (int n = 0; n < values.length; n++) {
            values[n] = convert(members.get(shape.names[n]), shape.types[n], "the member " + shape.names[n]);
        }
        return shape.make(values);
    }

    private static Object constant(Class<?> type, String name, String what) {
        for (Object constant : type.getEnumConstants()) {
            if (((Enum<?>) constant).name().equals(name)) {
                return constant;
            }
        }
        throw new IllegalArgumentException(what + " is no constant of " + type.getSimpleName());
    }

    private Object generic(Object value, ParameterizedType type, String what) throws ReflectiveOperationException {
        var raw = (Class<?>) type.getRawType();
        var arguments = type.getActualTypeArguments();
        if (raw == Optional.class) {
            return value == null ? Optional.empty() : Optional.of(convert(value, arguments[0], what));
        }
        if (value == null) {
            return null;
        }
        if (raw == Map.class && value instanceof Map<?, ?> members) {
            var out = new LinkedHashMap<Object, Object>();
            for (var entry : members.entrySet()) {
                out.put(entry.getKey(), convert(entry.getValue(), arguments[1], what));
            }
            return out;
        }
        if (raw.isAssignableFrom(ArrayList.class) || raw == Set.class) {
            if (value instanceof List<?> elements) {
                return list(elements, raw == Set.class, arguments[0], what);
            }
        } else if (raw.isRecord()) {
            return convert(value, raw, what);
        }
        throw new IllegalArgumentException(what + " is no " + raw.getSimpleName());
    }

    private Object list(List<?> elements, boolean set, Type type, String what) throws ReflectiveOperationException {
        var out = new ArrayList<Object>(elements.size());
        for (Object element : elements) {
            out.add(convert(element, type, "an element of " + what));
        }
        return set ? new LinkedHashSet<>(out) : out;
    }

    /** Gives what is no object and no list, or null if it does not fit. */
    private static Object scalar(Object value, Class<?> wanted) {
        if (wanted.isInstance(value)) {
            return value;
        }
        if (value instanceof Boolean) {
            return wanted == boolean.class ? value : null;
        }
        if (value instanceof String text) {
            boolean number = !text.isEmpty() && text.length() <= 20 && (wanted == long.class || wanted == Long.class || wanted == BigInteger.class);
            return number && text.matches("-?[0-9]+") ? number(new BigDecimal(text), wanted) : null;
        }
        return value instanceof Number given ? number(given, wanted) : null;
    }

    private static Object number(Number given, Class<?> wanted) {
        try {
            if (wanted == double.class || wanted == Double.class) {
                return given.doubleValue();
            }
            if (wanted == float.class || wanted == Float.class) {
                return given.floatValue();
            }
            var exact = given instanceof BigDecimal decimal ? decimal : new BigDecimal(given.toString());
            if (wanted == BigDecimal.class) {
                return exact;
            }
            if (exact.precision() - (long) exact.scale() > 1000) {
                return null; // an integer of so many digits is dear to make
            }
            return whole(exact, wanted);
        } catch (ArithmeticException | NumberFormatException e) {
            return null;
        }
    }

    private static Object whole(BigDecimal exact, Class<?> wanted) {
        if (wanted == long.class || wanted == Long.class) {
            return exact.longValueExact();
        }
        if (wanted == int.class || wanted == Integer.class) {
            return exact.intValueExact();
        }
        if (wanted == short.class || wanted == Short.class) {
            return exact.shortValueExact();
        }
        if (wanted == byte.class || wanted == Byte.class) {
            return exact.byteValueExact();
        }
        return wanted == BigInteger.class ? exact.toBigIntegerExact() : null;
    }

    /** Turns records into maps, and leaves what Json writes itself. Members that are null are left out. */
    private Object plain(Object value, int depth) throws ReflectiveOperationException {
        if (depth > Json.MAX_DEPTH) {
            throw new IllegalArgumentException("the answer is nested more than " + Json.MAX_DEPTH + " deep, or holds itself");
        }
        if (value instanceof Optional<?> optional) {
            return plain(optional.orElse(null), depth);
        }
        if (value instanceof Record) {
            var shape = shapes.get(value.getClass());
            var out = new LinkedHashMap<String, Object>();
            for (int n = 0; n < shape.names.length; n++) {
                var member = plain(shape.get(value, n), depth + 1);
                if (member != null) {
                    out.put(shape.names[n], member);
                }
            }
            return out;
        }
        if (value instanceof Map<?, ?> map) {
            var out = new LinkedHashMap<Object, Object>();
            for (var entry : map.entrySet()) {
                out.put(entry.getKey(), plain(entry.getValue(), depth + 1));
            }
            return out;
        }
        if (value instanceof Iterable<?> elements) {
            var out = new ArrayList<Object>();
            for (Object element : elements) {
                out.add(plain(element, depth + 1));
            }
            return out;
        }
        return value;
    }
}
