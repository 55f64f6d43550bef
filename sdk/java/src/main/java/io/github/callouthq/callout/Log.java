package io.github.callouthq.callout;

/** Where the SDK says what went wrong: which check a request failed, and what a handler threw. Never a key or a signature. */
@FunctionalInterface
public interface Log {
    /**
     * Writes a line. It is called by several threads.
     *
     * @param level   how bad it is
     * @param message what happened, in one line
     * @param cause   what was thrown, or null
     */
    void write(System.Logger.Level level, String message, Throwable cause);

    /**
     * Writes one line each to the standard error: the code that was answered, what happened, and where it was thrown.
     *
     * @return the log that a receiver has unless it is given another one
     */
    static Log stderr() {
        return (level, message, cause) -> {
            var why = new StringBuilder();
            int deep = 0;
            for (var thrown = cause; thrown != null && deep < 8; thrown = thrown.getCause(), deep++) {
                why.append(": ").append(thrown);
            }
            System.err.println("callout: " + level + ": " + (message + why + Place.of(cause)).replaceAll("\\p{Cntrl}+", " "));
        };
    }

    /**
     * Writes to a logger of the platform.
     *
     * @param logger the logger
     * @return a log
     */
    static Log of(System.Logger logger) {
        return (level, message, cause) -> logger.log(level, message, cause);
    }
}
