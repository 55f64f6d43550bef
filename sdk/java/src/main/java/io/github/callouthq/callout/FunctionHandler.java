package io.github.callouthq.callout;

/**
 * Answers a function. Several threads may call it at once.
 *
 * @param <T> the type of the body
 */
@FunctionalInterface
public interface FunctionHandler<T> {
    /**
     * Answers.
     *
     * @param body what the core sent
     * @return claims, a change, a refusal, or {@link Answer#unchanged()}; null is that too
     * @throws Exception what goes wrong: the call fails, and the log says why. {@link Reject} refuses
     */
    Answer handle(T body) throws Exception;
}
