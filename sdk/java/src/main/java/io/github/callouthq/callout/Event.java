package io.github.callouthq.callout;

/**
 * An event, after the core has stored it. It may come twice under one {@link #deliveryId()}.
 *
 * @param <P> the type of the payload
 */
public final class Event<P> extends Delivery {
    private final Lazy<P> payload;

    Event(Delivery delivery, Lazy<P> payload) {
        super(delivery);
        this.payload = payload;
    }

    /**
     * Gives what happened: {@code event_payload} of the body.
     *
     * @return it; null where the body has none
     * @throws IllegalArgumentException if it does not fit the type
     */
    public P payload() {
        return payload.get();
    }

    /**
     * Gives the type.
     *
     * @return it, such as {@code user.added}
     */
    public String type() {
        return name();
    }

    /**
     * Gives what it happened to.
     *
     * @return the id of the aggregate, "" where the body has none
     */
    public String aggregateId() {
        return text("aggregateID");
    }

    /**
     * Gives the kind of what it happened to.
     *
     * @return the type of the aggregate, "" where the body has none
     */
    public String aggregateType() {
        return text("aggregateType");
    }

    /**
     * Gives the organization as the body names it, which is signed.
     *
     * @return its id, "" where the body has none
     */
    public String resourceOwner() {
        return text("resourceOwner");
    }

    /**
     * Gives who did it.
     *
     * @return the id of the user, "" where the body has none
     */
    public String userId() {
        return text("userID");
    }

    /**
     * Tells when it happened, as the core says it.
     *
     * @return {@code created_at} of the body, mostly RFC 3339, "" where the body has none
     */
    public String createdAt() {
        return text("created_at");
    }
}
