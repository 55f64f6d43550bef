package io.github.callouthq.callout;

/** A handler as the receiver calls it, whatever its type. */
@FunctionalInterface
interface Invocation {
    Answer invoke(Delivery delivery) throws Exception;
}
