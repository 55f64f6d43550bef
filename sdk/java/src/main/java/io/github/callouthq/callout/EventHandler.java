package io.github.callouthq.callout;

/**
 * Takes an event. Several threads may call it at once, for different lines.
 *
 * @param <P> the type of the payload
 */
@FunctionalInterface
public interface EventHandler<P> {
    /**
     * Takes it. When this returns, the event is done.
     *
     * @param event the event
     * @throws Exception what goes wrong: the event comes again, and the log says why. {@link Later} says when,
     *                   {@link Never} that it is of no use
     */
    void handle(Event<P> event) throws Exception;
}
