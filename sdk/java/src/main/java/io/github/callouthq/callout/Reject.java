package io.github.callouthq.callout;

/** Refuses a request, response or function from deep within a handler, as {@link Answer#reject} does. */
public final class Reject extends RuntimeException {
    private static final long serialVersionUID = 1L;

    private final transient Answer.Rejection rejection;

    /**
     * Makes one.
     *
     * @param status  400 to 499
     * @param message a text for people, 1 to {@value Answer#MAX_MESSAGE} bytes
     * @throws IllegalArgumentException if one of them is out of bounds
     */
    public Reject(int status, String message) {
        super(message, null, false, false);
        rejection = Answer.reject(status, message);
    }

    Answer.Rejection rejection() {
        return rejection;
    }
}
