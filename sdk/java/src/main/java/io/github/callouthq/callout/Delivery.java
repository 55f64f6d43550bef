package io.github.callouthq.callout;

import io.github.callouthq.callout.codec.Codec;
import io.github.callouthq.callout.http.Headers;
import io.github.callouthq.callout.json.Json;
import java.lang.reflect.Type;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.time.format.DateTimeParseException;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;

/**
 * One exchange with Callout, as its handler sees it: what is delivered, and what is known about it. It is for the thread of its handler
 * and those that the handler hands it to.
 */
public class Delivery {
    private static final int MAX_DIGITS = 18;

    private final Envelope envelope;
    private final Headers headers;
    private final String id;
    private final Deadline deadline;
    private final Codec codec;
    private volatile Map<String, Object> body;

    Delivery(Envelope envelope, Headers headers, String id, Deadline deadline, Codec codec) {
        this.envelope = envelope;
        this.headers = headers;
        this.id = id;
        this.deadline = deadline;
        this.codec = codec;
    }

    /**
     * Makes one that shows the same.
     *
     * @param same the other
     */
    Delivery(Delivery same) {
        this(same.envelope, same.headers, same.id, same.deadline, same.codec);
    }

    /**
     * Tells what is delivered.
     *
     * @return the phase
     */
    public Phase phase() {
        return envelope.phase;
    }

    /**
     * Gives what conditions are held against.
     *
     * @return the method of a request or response, the name of a function, the type of an event
     */
    public String name() {
        return envelope.name;
    }

    /**
     * Gives what names the delivery, the same on every attempt: do a thing once for each.
     *
     * @return the id, signed where Standard Webhooks or a JWT decided; "" where there is none
     */
    public String deliveryId() {
        return id;
    }

    /**
     * Tells which attempt this is.
     *
     * @return counted from 1; 1 where nothing says it
     */
    public int attempt() {
        return (int) Math.min(Integer.MAX_VALUE, Math.max(1, number("Callout-Attempt").orElse(1)));
    }

    /**
     * Tells how long somebody waits for the answer. When it is over, the thread of the handler is interrupted, and Callout is
     * answered 504.
     *
     * @return what is left, never less than zero
     */
    public Duration remaining() {
        return deadline.remaining();
    }

    /**
     * Gives the moment at which the time is over.
     *
     * @return it by the clock of this machine
     */
    public Instant deadline() {
        return deadline.moment();
    }

    /**
     * Gives the instance, which is the tenant.
     *
     * @return it, "" where nothing names one
     */
    public String instance() {
        return decoded("Callout-Instance");
    }

    /**
     * Gives the organization of the call or event.
     *
     * @return it, "" where none is named
     */
    public String org() {
        return decoded("Callout-Org");
    }

    /**
     * Gives the name of the target in the configuration.
     *
     * @return it, "" where nothing names it
     */
    public String target() {
        return decoded("Callout-Target");
    }

    /**
     * Gives what publishing the event returned, the same for every target that gets it.
     *
     * @return it, "" where this is no event
     */
    public String eventId() {
        return decoded("Callout-Event-Id");
    }

    /**
     * Tells when the event was stored.
     *
     * @return the moment, none where this is no event
     */
    public Optional<Instant> eventTime() {
        try {
            return Optional.ofNullable(headers.one("Callout-Event-Time")).map(Instant::parse);
        } catch (DateTimeParseException e) {
            return Optional.empty();
        }
    }

    /**
     * Gives the number in the stream, which grows along a line.
     *
     * @return it, none in a call that somebody waits for
     */
    public OptionalLong sequence() {
        return number("Callout-Sequence");
    }

    /**
     * Tells whether this is a sample that nobody stored or asked for: answer it as ever, and keep nothing of it.
     *
     * @return whether it is
     */
    public boolean isTest() {
        return headers.marks("Callout-Test");
    }

    /**
     * Tells whether somebody sends the event again on purpose.
     *
     * @return whether it is so
     */
    public boolean isReplay() {
        return headers.marks("Callout-Replay");
    }

    /**
     * Tells whether this is a dead letter that somebody sends again.
     *
     * @return whether it is so
     */
    public boolean isRedrive() {
        return headers.marks("Callout-Redrive");
    }

    /**
     * Gives all headers. No signature covers those but {@code webhook-id}.
     *
     * @return the headers as they came
     */
    public Headers headers() {
        return headers;
    }

    /**
     * Gives the JSON that was signed: the body as it came, what a JWT holds, or the data of a structured CloudEvent.
     *
     * @return the bytes, not to be changed
     */
    public byte[] raw() {
        return envelope.json;
    }

    /**
     * Gives the whole body.
     *
     * @return its members, those that the SDK does not know too
     */
    @SuppressWarnings("unchecked")
    public Map<String, Object> body() {
        if (body == null) {
            body = Json.readObject(envelope.json);
        }
        return body;
    }

    /** Gives a member of the body that is a text, "" where it is none. */
    String text(String member) {
        var text = envelope.text(member);
        return text == null ? "" : text;
    }

    /** Reads a member of the body; null where it does not stand. */
    @SuppressWarnings("unchecked")
    <T> T read(String member, Type type) {
        var found = envelope.members.get(member);
        if (found == null) {
            return null;
        }
        try {
            if (type != Map.class) {
                return (T) codec.read(envelope.json, found.from(), found.to(), type);
            }
        } catch (Exception e) {
            throw new IllegalArgumentException(member + " of the body does not fit its type", e);
        }
        var value = Json.value(envelope.json, found);
        if (value != null && !(value instanceof Map)) {
            throw new IllegalArgumentException(member + " of the body is no object");
        }
        return (T) value;
    }

    /** Reads the body. */
    @SuppressWarnings("unchecked")
    <T> T read(Type type) throws Exception {
        return (T) (type == Map.class ? body() : codec.read(envelope.json, 0, envelope.json.length, type));
    }

    private String decoded(String header) {
        var value = headers.one(header);
        if (value == null || value.indexOf('%') < 0) {
            return value == null ? "" : value;
        }
        try {
            return URLDecoder.decode(value.replace("+", "%2B"), StandardCharsets.UTF_8);
        } catch (IllegalArgumentException e) {
            return value;
        }
    }

    private OptionalLong number(String header) {
        var value = headers.one(header);
        boolean digits = value != null && !value.isEmpty() && value.length() <= MAX_DIGITS && value.chars().allMatch(c -> c >= '0' && c <= '9');
        return digits ? OptionalLong.of(Long.parseLong(value)) : OptionalLong.empty();
    }
}
