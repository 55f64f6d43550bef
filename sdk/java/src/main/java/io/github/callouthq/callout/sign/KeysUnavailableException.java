package io.github.callouthq.callout.sign;

/** The keys that a request is checked with cannot be fetched now. It may be genuine. */
public final class KeysUnavailableException extends Exception {
    private static final long serialVersionUID = 1L;

    /**
     * Makes one.
     *
     * @param message what failed; no address
     * @param cause   why, or null
     */
    public KeysUnavailableException(String message, Throwable cause) {
        super(message, cause);
    }
}
