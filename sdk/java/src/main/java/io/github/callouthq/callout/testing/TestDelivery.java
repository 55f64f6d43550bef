package io.github.callouthq.callout.testing;

import io.github.callouthq.callout.Callout;
import io.github.callouthq.callout.http.Headers;
import io.github.callouthq.callout.http.Response;
import io.github.callouthq.callout.json.Json;
import io.github.callouthq.callout.sign.Signer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;

/**
 * A request as Callout sends it, signed, for tests of handlers without a port:
 *
 * <pre>{@code
 * var hooks = hooks(Callout.builder().key(TestDelivery.KEY));
 * var answer = TestDelivery.request("/acme.user.v1.UserService/CreateUser", Map.of("first", "Ada")).sendTo(hooks);
 * assertEquals("Ada", answer.json().get("displayName"));
 * }</pre>
 *
 * <p>It is for one thread; each method gives the delivery itself.
 */
public final class TestDelivery {
    /** A key for tests: what is not told another one is signed with it. */
    public static final String KEY = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

    private final Map<String, Object> body = new LinkedHashMap<>();
    private final Headers headers = new Headers();
    private final boolean event;
    private List<String> keys = List.of(KEY);
    private String id = "dlv_" + UUID.randomUUID().toString().replace("-", "");
    private Instant at;
    private boolean structured;
    private byte[] raw;

    private TestDelivery(boolean event) {
        this.event = event;
        headers.set("Content-Type", "application/json").set("User-Agent", "callout").set("Callout-Target", "test");
        attempt(1).remaining(Duration.ofSeconds(10)).instance("default");
    }

    /**
     * A request.
     *
     * @param method  {@code /pkg.Service/Method}
     * @param request what {@link Json#write} takes
     * @return the delivery
     */
    public static TestDelivery request(String method, Object request) {
        return new TestDelivery(false).member("fullMethod", method).member("request", request);
    }

    /**
     * A response.
     *
     * @param method   {@code /pkg.Service/Method}
     * @param request  what {@link Json#write} takes
     * @param response what {@link Json#write} takes
     * @return the delivery
     */
    public static TestDelivery response(String method, Object request, Object response) {
        return request(method, request).member("response", response);
    }

    /**
     * A function.
     *
     * @param name    its name
     * @param members what the core says
     * @return the delivery
     */
    public static TestDelivery function(String name, Map<String, ?> members) {
        var out = new TestDelivery(false).member("function", "function/" + name);
        out.body.putAll(members);
        return out;
    }

    /**
     * An event.
     *
     * @param type        its type
     * @param aggregateId what it happened to
     * @param payload     what {@link Json#write} takes
     * @return the delivery
     */
    public static TestDelivery event(String type, String aggregateId, Object payload) {
        var out = new TestDelivery(true).member("aggregateID", aggregateId).member("event_type", type);
        out.member("created_at", "2026-01-02T03:00:00Z").member("event_payload", payload).sequence(1);
        return out.header("Callout-Event-Id", "evt_" + out.id).header("Callout-Event-Type", type)
                .header("Callout-Event-Time", "2026-01-02T03:00:00.123Z");
    }

    /**
     * Sets a member of the body, such as {@code orgID} or {@code headers}.
     *
     * @param name  its name
     * @param value what {@link Json#write} takes
     * @return this
     */
    public TestDelivery member(String name, Object value) {
        body.put(name, value);
        return this;
    }

    /**
     * Sends bytes of yours in the place of the body.
     *
     * @param bytes the bytes
     * @return this
     */
    public TestDelivery raw(byte[] bytes) {
        raw = bytes;
        return this;
    }

    /**
     * Sets a header.
     *
     * @param name  its name
     * @param value its value; null takes it out
     * @return this
     */
    public TestDelivery header(String name, String value) {
        headers.set(name, value);
        return this;
    }

    /**
     * Says which attempt it is.
     *
     * @param number counted from 1
     * @return this
     */
    public TestDelivery attempt(int number) {
        return header("Callout-Attempt", Integer.toString(number));
    }

    /**
     * Says how long somebody waits.
     *
     * @param time how long, in whole milliseconds
     * @return this
     */
    public TestDelivery remaining(Duration time) {
        return header("Callout-Remaining-Ms", Long.toString(time.toMillis()));
    }

    /**
     * Says the instance.
     *
     * @param name its name, in visible ASCII
     * @return this
     */
    public TestDelivery instance(String name) {
        return header("Callout-Instance", name);
    }

    /**
     * Says the organization, in the header and in the body.
     *
     * @param name its id, in visible ASCII
     * @return this
     */
    public TestDelivery org(String name) {
        return header("Callout-Org", name).member(event ? "resourceOwner" : "orgID", name);
    }

    /**
     * Says the number in the stream. A call with one is that of an async target.
     *
     * @param number the number
     * @return this
     */
    public TestDelivery sequence(long number) {
        return header("Callout-Sequence", Long.toString(number));
    }

    /**
     * Marks it as a sample.
     *
     * @return this
     */
    public TestDelivery test() {
        return header("Callout-Test", "true");
    }

    /**
     * Marks it as sent again on purpose.
     *
     * @return this
     */
    public TestDelivery replay() {
        return header("Callout-Replay", "true");
    }

    /**
     * Marks it as a dead letter that is sent again.
     *
     * @return this
     */
    public TestDelivery redrive() {
        return header("Callout-Redrive", "true");
    }

    /**
     * Names the delivery. Two of one name are two attempts of one delivery.
     *
     * @param name 1 to 255 visible ASCII characters, no dot
     * @return this
     */
    public TestDelivery deliveryId(String name) {
        id = name;
        return this;
    }

    /**
     * Says when it was signed. Now unless this is called.
     *
     * @param moment when
     * @return this
     */
    public TestDelivery signedAt(Instant moment) {
        at = moment;
        return this;
    }

    /**
     * Signs with other keys than {@link #KEY}; with none, not at all.
     *
     * @param texts {@code whsec_}, {@code whsk_} or ZITADEL's keys
     * @return this
     */
    public TestDelivery signedWith(String... texts) {
        keys = List.of(texts);
        return this;
    }

    /**
     * Sends an event as a CloudEvent in the structured form.
     *
     * @return this
     */
    public TestDelivery cloudEvent() {
        structured = true;
        return header("Content-Type", "application/cloudevents+json");
    }

    /**
     * Gives the body as it is sent.
     *
     * @return the bytes
     */
    public byte[] body() {
        if (raw != null) {
            return raw;
        }
        return Json.write(structured ? wrapped() : body);
    }

    private Map<String, Object> wrapped() {
        var out = new LinkedHashMap<String, Object>();
        out.put("specversion", "1.0");
        out.put("id", headers.one("Callout-Event-Id"));
        out.put("source", "/instances/default");
        out.put("type", body.get("event_type"));
        out.put("subject", body.get("aggregateID"));
        out.put("datacontenttype", "application/json");
        out.put("data", body);
        return out;
    }

    /**
     * Gives the headers as they are sent, signed.
     *
     * @return a copy
     */
    public Headers headers() {
        var out = Headers.of(headers.map());
        var bytes = body();
        out.set("Callout-Delivery-Id", id).set("Idempotency-Key", id).set("Content-Length", Integer.toString(bytes.length));
        if (!keys.isEmpty()) {
            new Signer(keys).sign(out, id, at == null ? Instant.now() : at, bytes);
        }
        return out;
    }

    /**
     * Sends it to a receiver, without a port.
     *
     * @param callout the receiver
     * @return its answer
     */
    public Response sendTo(Callout callout) {
        return callout.handle("POST", "/", headers(), body());
    }

    /** Shows the body. */
    @Override
    public String toString() {
        return new String(body(), StandardCharsets.UTF_8);
    }
}
