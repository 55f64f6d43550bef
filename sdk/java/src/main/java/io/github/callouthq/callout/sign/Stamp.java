package io.github.callouthq.callout.sign;

import java.time.Instant;

/** Times of signatures, in seconds since 1970. */
final class Stamp {
    /** How far a signature's time may lie from now, both ways. */
    static final long TOLERANCE_MILLIS = 300_000;

    private static final int MAX_DIGITS = 12;

    private Stamp() {}

    /** Refuses a text that is no time, or one too far from now. */
    static void check(String text, String header, Instant now) throws NotGenuineException {
        if (text == null || !isNumber(text)) {
            throw new NotGenuineException(header + ": the timestamp is missing or malformed");
        }
        if (Math.abs(now.toEpochMilli() - Long.parseLong(text) * 1000) > TOLERANCE_MILLIS) {
            throw new NotGenuineException(header + ": the timestamp is too far from the present; do the clocks agree?");
        }
    }

    /** Tells whether a text is digits in their one canonical form, at most twelve. */
    static boolean isNumber(String text) {
        if (text.isEmpty() || text.length() > MAX_DIGITS || text.charAt(0) == '0' && text.length() > 1) {
            return false;
        }
        return text.chars().allMatch(c -> c >= '0' && c <= '9');
    }
}
