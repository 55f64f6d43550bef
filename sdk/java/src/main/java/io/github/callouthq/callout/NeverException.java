package io.github.callouthq.callout;

/** Says of an event that it is of no use to send it again: it becomes a dead letter at once. */
public final class NeverException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    /**
     * Says never.
     *
     * @param message why, for people
     */
    public NeverException(String message) {
        super(message, null, false, false);
    }
}
