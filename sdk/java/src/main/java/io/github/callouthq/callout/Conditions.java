package io.github.callouthq.callout;

import java.util.EnumMap;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/** The handlers by phase and condition. The most exact match alone is found. Used by several threads. */
final class Conditions {
    private final Map<Phase, Map<String, Invocation>> byPhase = new EnumMap<>(Phase.class);

    Conditions() {
        for (Phase phase : Phase.values()) {
            byPhase.put(phase, new ConcurrentHashMap<>());
        }
    }

    void add(Phase phase, String condition, Invocation handler) {
        var key = Condition.check(phase, condition);
        if (byPhase.get(phase).putIfAbsent(key, handler) != null) {
            throw new IllegalArgumentException("there is a handler of the " + phase.word() + " \"" + condition + "\" already");
        }
    }

    /** Finds the handler of a method, a function's name or an event's type; null if nothing covers it. */
    Invocation find(Phase phase, String name) {
        var handlers = byPhase.get(phase);
        var exact = isExact(phase, name) ? handlers.get(name) : null;
        if (exact != null || phase == Phase.FUNCTION) {
            return exact;
        }
        var group = phase == Phase.EVENT ? group(handlers, name) : service(handlers, name);
        return group != null ? group : handlers.get(Condition.ALL);
    }

    /** Tells whether what came is a name at all: a service or a group in its place would be taken for the condition of that text. */
    private static boolean isExact(Phase phase, String name) {
        return switch (phase) {
            case REQUEST, RESPONSE -> name.startsWith("/");
            case EVENT -> !name.equals(Condition.ALL) && !name.endsWith(".*");
            case FUNCTION -> true;
        };
    }

    private static Invocation service(Map<String, Invocation> handlers, String method) {
        int slash = method.lastIndexOf('/');
        return method.startsWith("/") && slash > 1 ? handlers.get(method.substring(1, slash)) : null;
    }

    private static Invocation group(Map<String, Invocation> handlers, String type) {
        for (int dot = type.lastIndexOf('.'); dot > 0; dot = type.lastIndexOf('.', dot - 1)) {
            var found = handlers.get(type.substring(0, dot) + ".*");
            if (found != null) {
                return found;
            }
        }
        return null;
    }
}
