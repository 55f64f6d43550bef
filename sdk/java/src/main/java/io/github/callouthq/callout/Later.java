package io.github.callouthq.callout;

import java.time.Duration;

/** Says of an event that it shall come again, and when. Callout never sends it sooner than its own schedule has it. */
public final class Later extends RuntimeException {
    private static final long serialVersionUID = 1L;

    /** How much later, or null. */
    private final Duration after;

    /**
     * Says later.
     *
     * @param message why, for people
     */
    public Later(String message) {
        this(message, null);
    }

    /**
     * Says later, and when.
     *
     * @param message why, for people
     * @param after   how much later, in whole seconds; what is left over counts as one; null says nothing of it
     * @throws IllegalArgumentException if it is negative
     */
    public Later(String message, Duration after) {
        super(message, null, false, false);
        if (after != null && after.isNegative()) {
            throw new IllegalArgumentException("later is not before now");
        }
        this.after = after;
    }

    /** Gives the value of Retry-After, or null. */
    String seconds() {
        return after == null ? null : Long.toString(after.getNano() == 0 ? after.getSeconds() : after.getSeconds() + 1);
    }
}
