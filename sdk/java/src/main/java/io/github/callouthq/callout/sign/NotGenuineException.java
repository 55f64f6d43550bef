package io.github.callouthq.callout.sign;

/** A request is not from whom it must be. The message says which check failed, for a log, and holds nothing of the request. */
public final class NotGenuineException extends Exception {
    private static final long serialVersionUID = 1L;

    /**
     * Makes one.
     *
     * @param check which check failed, such as {@code webhook-signature: no signature fits}
     */
    public NotGenuineException(String check) {
        super(check, null, false, false);
    }
}
