package io.github.callouthq.callout;

import io.github.callouthq.callout.http.Response;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Consumer;

/**
 * A handler's turn at a request. Either it answers, or its time is over first: then its thread is interrupted, and the answer
 * is given without it. There is one answer, whichever comes first.
 */
final class Turn {
    private final Thread thread = Thread.currentThread();
    private final AtomicBoolean answered = new AtomicBoolean();
    private final Consumer<Response> reply;
    private boolean running = true;
    private boolean interrupted;
    private volatile Future<?> timer;

    Turn(Consumer<Response> reply) {
        this.reply = reply;
    }

    void timer(Future<?> timer) {
        this.timer = timer;
    }

    /** The time is over: unless the handler has answered, its thread is interrupted, and the answer given. It tells whether it was so. */
    boolean over() {
        // First, since a handler that is interrupted fails at once, and then would answer too.
        if (!answered.compareAndSet(false, true)) {
            return false;
        }
        synchronized (this) {
            if (running) {
                interrupted = true;
                thread.interrupt();
            }
        }
        reply.accept(Replies.TIMEOUT);
        return true;
    }

    /** The handler has ended: from now on its thread is somebody else's, and is not interrupted. */
    void ended() {
        synchronized (this) {
            running = false;
            if (interrupted) {
                Thread.interrupted();
            }
        }
    }

    /** Gives the answer, unless one was given. */
    boolean answer(Response response) {
        if (!answered.compareAndSet(false, true)) {
            return false;
        }
        var pending = timer;
        if (pending != null) {
            pending.cancel(false);
        }
        reply.accept(response);
        return true;
    }

    boolean isAnswered() {
        return answered.get();
    }
}
