package io.github.callouthq.callout;

/** Answers what no handler covers. Several threads may call it at once. */
@FunctionalInterface
public interface FallbackHandler {
    /**
     * Answers.
     *
     * @param delivery what came
     * @return as other handlers do; what is answered to an event does not matter, unless it is a refusal, which fails
     * @throws Exception what goes wrong
     */
    Answer handle(Delivery delivery) throws Exception;
}
