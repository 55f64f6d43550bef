package io.github.callouthq.callout;

import io.github.callouthq.callout.http.Headers;
import java.time.Duration;
import java.time.Instant;

/** When the answer to a request must be there. */
final class Deadline {
    private static final long DEFAULT_MILLIS = 10_000;
    private static final long MAX_MILLIS = 3_600_000;
    private static final int MAX_DIGITS = 7;
    // What is kept back, so that our 504 is there before Callout's own time is over.
    private static final long MOST_KEPT_BACK = 100;

    private final long at;

    private Deadline(long at) {
        this.at = at;
    }

    /** Reads it from the headers of a request that began at a time of System.nanoTime. */
    static Deadline of(Headers headers, long began) {
        long millis = said(headers.one("Callout-Remaining-Ms"));
        return new Deadline(began + (millis - Math.min(millis / 10, MOST_KEPT_BACK)) * 1_000_000);
    }

    private static long said(String text) {
        if (text == null || text.isEmpty() || !text.chars().allMatch(c -> c >= '0' && c <= '9')) {
            return DEFAULT_MILLIS;
        }
        var digits = text.replaceFirst("^0+(?=.)", "");
        long millis = digits.length() > MAX_DIGITS ? Long.MAX_VALUE : Long.parseLong(digits);
        return millis > MAX_MILLIS ? DEFAULT_MILLIS : millis;
    }

    long remainingNanos() {
        return Math.max(0, at - System.nanoTime());
    }

    Duration remaining() {
        return Duration.ofNanos(remainingNanos());
    }

    Instant moment() {
        return Instant.now().plusNanos(remainingNanos());
    }
}
