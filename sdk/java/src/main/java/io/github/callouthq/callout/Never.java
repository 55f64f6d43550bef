package io.github.callouthq.callout;

/** Says of an event that it is of no use to send it again: it becomes a dead letter at once. */
public final class Never extends RuntimeException {
    private static final long serialVersionUID = 1L;

    /**
     * Says never.
     *
     * @param message why, for people
     */
    public Never(String message) {
        super(message, null, false, false);
    }
}
