package io.github.callouthq.callout;

/**
 * A response, after the core has handled a request and before the caller gets it.
 *
 * @param <Q> the type of the request
 * @param <R> the type of the response
 */
public final class ResponseCall<Q, R> extends Call<Q> {
    private final Lazy<R> response;

    ResponseCall(Delivery delivery, Lazy<Q> request, Lazy<R> response) {
        super(delivery, request);
        this.response = response;
    }

    /**
     * Gives the response, which an answer changes.
     *
     * @return it; null where the body has {@code null}
     * @throws IllegalArgumentException if it does not fit the type
     */
    public R response() {
        return response.get();
    }
}
