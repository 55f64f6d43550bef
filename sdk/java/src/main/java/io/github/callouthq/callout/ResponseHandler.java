package io.github.callouthq.callout;

/**
 * Answers what the core answered. Several threads may call it at once.
 *
 * @param <Q> the type of the request
 * @param <R> the type of the response
 */
@FunctionalInterface
public interface ResponseHandler<Q, R> {
    /**
     * Answers.
     *
     * @param call the request and the response
     * @return a change of the response, a refusal, or {@link Answer#unchanged()}; null is that too
     * @throws Exception what goes wrong: the call fails, and the log says why. {@link Reject} refuses
     */
    Answer handle(ResponseCall<Q, R> call) throws Exception;
}
