package io.github.callouthq.callout;

import static java.lang.System.Logger.Level.ERROR;
import static java.lang.System.Logger.Level.WARNING;

import io.github.callouthq.callout.codec.Codec;
import io.github.callouthq.callout.http.Headers;
import io.github.callouthq.callout.http.Response;
import io.github.callouthq.callout.json.Json;
import io.github.callouthq.callout.json.JsonException;
import io.github.callouthq.callout.sign.KeysUnavailableException;
import io.github.callouthq.callout.sign.NotGenuineException;
import io.github.callouthq.callout.sign.Verified;
import io.github.callouthq.callout.sign.Verifier;
import java.time.Clock;
import java.util.Locale;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;

/** What is between HTTP and the handlers: the checks in their order, the handler under its deadline, the answer. */
final class Receiver {
    private static final int MAX_ANSWER = 1 << 20;

    final Conditions conditions = new Conditions();
    final Codec codec;
    final int maxBody;
    final Log log;

    private final Verifier verifier;
    private final String path;
    private final Once once;
    private final Invocation fallback;
    private final Clock clock;
    private final ScheduledThreadPoolExecutor timers;
    private final AtomicInteger underWay = new AtomicInteger();
    private volatile boolean draining;

    Receiver(CalloutBuilder options) {
        codec = options.codec;
        maxBody = options.maxBody;
        log = options.log;
        verifier = new Verifier(options.verification());
        path = options.path;
        once = new Once(options.store);
        fallback = options.fallback == null ? null : options.fallback::handle;
        clock = options.clock;
        timers = new ScheduledThreadPoolExecutor(1, Threads.daemons("callout-deadline"));
        timers.setRemoveOnCancelPolicy(true);
    }

    /** Checks what stands before the body; null if all is well. */
    Response before(String method, String requestPath, Headers headers) {
        if (draining) {
            return Replies.UNAVAILABLE;
        }
        if (path != null && !path.equals(requestPath)) {
            return Replies.NOT_FOUND;
        }
        if (!method.equals("POST")) {
            return Replies.METHOD_NOT_ALLOWED;
        }
        return isTaken(headers) ? null : Replies.UNSUPPORTED;
    }

    private boolean isTaken(Headers headers) {
        var encodings = headers.all("Content-Encoding");
        if (!encodings.isEmpty() && !(encodings.size() == 1 && encodings.get(0).trim().equalsIgnoreCase("identity"))) {
            return false;
        }
        var type = headers.one("Content-Type");
        if (type == null) {
            return false;
        }
        int parameters = type.indexOf(';');
        return switch ((parameters < 0 ? type : type.substring(0, parameters)).trim().toLowerCase(Locale.ROOT)) {
            case "application/json", "application/cloudevents+json" -> true;
            case "application/jwt", "application/jose" -> verifier.payload() != Verifier.Payload.JSON;
            default -> false;
        };
    }

    /** Says that something before the receiver has read the body, and how to mend it. */
    Response consumed(String fix) {
        log.write(ERROR, "body_consumed: the body was read before its signature could be checked: " + fix, null);
        return Replies.BODY_CONSUMED;
    }

    /**
     * Takes a request whose body was read. It is answered once, by this thread before this returns, or by another when the time
     * is over and the handler has not answered; the handler may then go on for longer.
     */
    void take(Headers headers, byte[] body, long began, Consumer<Response> reply) {
        underWay.incrementAndGet();
        try {
            Verified verified;
            Envelope envelope;
            try {
                verified = verifier.verify(headers, body, clock.instant());
                envelope = Envelope.read(verified.body());
            } catch (NotGenuineException e) {
                log.write(WARNING, "unauthorized: " + e.getMessage(), null);
                reply.accept(Replies.UNAUTHORIZED);
                return;
            } catch (KeysUnavailableException e) {
                log.write(ERROR, "unavailable: a request cannot be checked: " + e.getMessage(), e.getCause());
                reply.accept(Replies.UNAVAILABLE);
                return;
            } catch (JsonException e) {
                log.write(WARNING, "malformed: " + e.getMessage(), null);
                reply.accept(Replies.MALFORMED);
                return;
            } catch (RuntimeException e) {
                log.write(ERROR, "handler_failed: a request cannot be checked", e);
                reply.accept(Replies.HANDLER_FAILED);
                return;
            }
            var deadline = Deadline.of(headers, began);
            dispatch(new Delivery(envelope, headers, verified.deliveryId(), deadline, codec), deadline, reply);
        } finally {
            underWay.decrementAndGet();
        }
    }

    private void dispatch(Delivery delivery, Deadline deadline, Consumer<Response> reply) {
        var key = Once.key(delivery.phase(), delivery.headers(), delivery.deliveryId());
        Response known;
        try {
            known = once.begin(key);
        } catch (Exception e) {
            log.write(ERROR, "unavailable: the store of what is done fails", e);
            known = Replies.UNAVAILABLE;
        }
        if (known != null) {
            reply.accept(known);
            return;
        }
        var found = conditions.find(delivery.phase(), delivery.name());
        if (found == null && fallback == null) {
            log.write(WARNING, "unknown_condition: no handler covers " + what(delivery) + ": is the execution right?", null);
            once.end(key);
            reply.accept(Replies.UNKNOWN_CONDITION);
            return;
        }
        if (deadline.remainingNanos() == 0) {
            once.end(key);
            reply.accept(Replies.TIMEOUT);
            return;
        }
        run(found == null ? fallback : found, delivery, deadline, key, reply);
    }

    private void run(Invocation handler, Delivery delivery, Deadline deadline, String key, Consumer<Response> reply) {
        var turn = new Turn(reply);
        Runnable over = () -> {
            if (turn.over()) {
                log.write(ERROR, "handler_timeout: the time of the handler of " + what(delivery) + " is over; its thread is interrupted", null);
            }
        };
        Response response;
        try {
            turn.timer(timers.schedule(over, deadline.remainingNanos(), TimeUnit.NANOSECONDS));
            response = answer(delivery, handler.invoke(delivery));
            turn.ended();
            response = kept(key, response);
        } catch (Throwable e) { // whatever it is, it must not end the server
            turn.ended();
            response = failure(delivery, e, turn.isAnswered());
        }
        once.end(key); // before the answer: the next attempt may come right behind it
        turn.answer(response);
    }

    private Response kept(String key, Response response) {
        try {
            once.done(key);
            return response;
        } catch (Exception e) {
            log.write(ERROR, "unavailable: the store of what is done fails", e);
            return Replies.UNAVAILABLE;
        }
    }

    private Response answer(Delivery delivery, Answer answer) throws Exception {
        if (delivery.phase() == Phase.EVENT) {
            if (answer instanceof Answer.Rejection) {
                throw new IllegalStateException("an event cannot be refused: it has happened");
            }
            return Replies.UNCHANGED;
        }
        if (answer instanceof Answer.Rejection rejection) {
            return Replies.rejected(rejection);
        }
        if (answer == null || answer instanceof Answer.Unchanged) {
            return Replies.UNCHANGED;
        }
        var object = codec.write(answer instanceof Answer.Change change ? change.value() : ((Claims) answer).members());
        if (object.length > MAX_ANSWER) {
            throw new IllegalStateException("the answer has more than 1 MiB");
        }
        Json.scan(object);
        return Replies.changed(object);
    }

    private Response failure(Delivery delivery, Throwable thrown, boolean late) {
        boolean event = delivery.phase() == Phase.EVENT;
        if (!event && thrown instanceof Reject reject) {
            return Replies.rejected(reject.rejection());
        }
        if (event && thrown instanceof Later later) {
            return Replies.later(later);
        }
        if (event && thrown instanceof Never never) {
            return Replies.never(never);
        }
        if (!late) {
            log.write(ERROR, "handler_failed: the handler of " + what(delivery) + " failed", thrown);
        }
        return Replies.HANDLER_FAILED;
    }

    private static String what(Delivery delivery) {
        return delivery.phase().word() + " " + delivery.name() + " (delivery " + delivery.deliveryId() + ")";
    }

    /** From now on nothing is taken. */
    void drain() {
        draining = true;
    }

    boolean isDraining() {
        return draining;
    }

    /** How many requests are being handled. */
    int underWay() {
        return underWay.get();
    }

    void close() {
        drain();
        timers.shutdownNow();
    }
}
