package io.github.callouthq.callout.http;

import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** Headers of a request. Names have no case, and a name may stand several times. Read by several threads, written by one. */
public final class Headers {
    private final Map<String, List<String>> values = new LinkedHashMap<>();

    /** Makes headers that are empty. */
    public Headers() {}

    /**
     * Copies headers from what most frameworks have.
     *
     * @param from values by name; names that differ in case alone are one, and a null is passed over
     * @return a copy
     */
    public static Headers of(Map<String, ? extends Iterable<String>> from) {
        var out = new Headers();
        from.forEach((name, values) -> {
            if (name != null && values != null) {
                values.forEach(value -> out.add(name, value));
            }
        });
        return out;
    }

    /**
     * Adds a header beside those of its name.
     *
     * @param name  its name
     * @param value its value; null is passed over
     * @return this
     */
    public Headers add(String name, String value) {
        if (value != null) {
            values.computeIfAbsent(lower(name), n -> new ArrayList<>(1)).add(value);
        }
        return this;
    }

    /**
     * Puts a header in the place of those of its name.
     *
     * @param name  its name
     * @param value its value; null takes it out
     * @return this
     */
    public Headers set(String name, String value) {
        values.remove(lower(name));
        return add(name, value);
    }

    /**
     * Gives all values of a name.
     *
     * @param name the name
     * @return them in their order, none if it does not stand
     */
    public List<String> all(String name) {
        var found = values.get(lower(name));
        return found == null ? List.of() : Collections.unmodifiableList(found);
    }

    /**
     * Gives the value of a name that stands once.
     *
     * @param name the name
     * @return its value; null if it does not stand, or stands several times
     */
    public String one(String name) {
        var found = values.get(lower(name));
        return found != null && found.size() == 1 ? found.get(0) : null;
    }

    /**
     * Tells whether a header is there and says {@code true}, as Callout's marks do.
     *
     * @param name the name
     * @return whether it does
     */
    public boolean marks(String name) {
        return "true".equals(one(name));
    }

    /**
     * Gives all headers.
     *
     * @return a view that cannot be changed, with names in lower case, in their order
     */
    public Map<String, List<String>> map() {
        return Collections.unmodifiableMap(values);
    }

    private static String lower(String name) {
        return name.toLowerCase(Locale.ROOT);
    }

    /** Shows the names alone: values hold signatures. */
    @Override
    public String toString() {
        return values.keySet().toString();
    }
}
