package io.github.callouthq.callout;

import java.util.Arrays;
import java.util.function.Predicate;

/** Where something was thrown, for a log of one line. */
final class Place {
    private static final Predicate<String> OTHERS = name -> name.startsWith("java.") || name.startsWith("jdk.") || name.startsWith("sun.")
            || name.startsWith("io.github.callouthq.callout.");

    private Place() {}

    /**
     * Tells the line of the developer's own code that is nearest to where it was thrown. Frames of the JDK and of the SDK are
     * passed over, since a developer can change neither.
     *
     * @param thrown what was thrown, or null
     * @return a text such as {@code " (Hooks.java:12)"}, empty where it is not known
     */
    static String of(Throwable thrown) {
        if (thrown == null) {
            return "";
        }
        return Arrays.stream(thrown.getStackTrace())
                .filter(frame -> frame.getFileName() != null && !OTHERS.test(frame.getClassName()))
                .findFirst()
                .map(frame -> " (" + frame.getFileName() + ":" + frame.getLineNumber() + ")")
                .orElse("");
    }
}
