package io.github.callouthq.callout.json;

/** A text is no JSON, is nested too deep, or a value cannot be written as JSON. The message holds nothing of the text. */
public final class JsonException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    /**
     * Makes one.
     *
     * @param message what is wrong
     */
    public JsonException(String message) {
        super(message);
    }
}
