package io.github.callouthq.callout;

import java.lang.reflect.Proxy;

/**
 * The signals that end a process. A shutdown hook cannot make the status 0, so the signals themselves are taken, by a class that
 * every JDK has but none promises; where it is missing, a hook does what can be done.
 */
final class Signals {
    private Signals() {}

    static void onEnd(Runnable end) {
        try {
            for (String name : new String[] {"TERM", "INT"}) {
                take(name, end);
            }
        } catch (ReflectiveOperationException | IllegalArgumentException e) {
            Runtime.getRuntime().addShutdownHook(new Thread(end, "callout-end"));
        }
    }

    private static void take(String name, Runnable end) throws ReflectiveOperationException {
        var signal = Class.forName("sun.misc.Signal");
        var handler = Class.forName("sun.misc.SignalHandler");
        var proxy = Proxy.newProxyInstance(Signals.class.getClassLoader(), new Class<?>[] {handler}, (self, method, arguments) -> {
            if (method.getName().equals("handle")) {
                new Thread(end, "callout-end").start();
            }
            return method.getName().equals("equals") ? (Object) (self == arguments[0]) : method.getName().equals("hashCode") ? 1 : null;
        });
        signal.getMethod("handle", signal, handler).invoke(null, signal.getConstructor(String.class).newInstance(name), proxy);
    }
}
