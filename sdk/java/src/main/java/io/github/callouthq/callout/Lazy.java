package io.github.callouthq.callout;

import java.lang.reflect.Type;

/** A member of a body, read when a handler first asks for it, so that what nobody asks for costs nothing and fails nobody. */
final class Lazy<T> {
    private final Delivery delivery;
    private final String member;
    private final Type type;
    private boolean isRead;
    private T value;

    Lazy(Delivery delivery, String member, Type type) {
        this.delivery = delivery;
        this.member = member;
        this.type = type;
    }

    synchronized T get() {
        if (!isRead) {
            value = delivery.read(member, type);
            isRead = true;
        }
        return value;
    }
}
