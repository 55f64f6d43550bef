package io.github.callouthq.callout;

/**
 * Answers a request. Several threads may call it at once.
 *
 * @param <Q> the type of the request
 */
@FunctionalInterface
public interface CallHandler<Q> {
    /**
     * Answers.
     *
     * @param call the request
     * @return a change, a refusal, or {@link Answer#unchanged()}; null is that too
     * @throws Exception what goes wrong: the call fails, and the log says why. {@link Reject} refuses
     */
    Answer handle(Call<Q> call) throws Exception;
}
