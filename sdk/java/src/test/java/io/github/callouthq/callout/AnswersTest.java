package io.github.callouthq.callout;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.callouthq.callout.http.Response;
import io.github.callouthq.callout.json.Json;
import io.github.callouthq.callout.testing.TestDelivery;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class AnswersTest {
    private static final String METHOD = "/p.S/M";

    private final List<String> lines = Collections.synchronizedList(new ArrayList<>());
    private final CalloutBuilder options = Callout.builder().key(TestDelivery.KEY)
            .log((level, message, cause) -> lines.add(level + " " + message + " " + cause));

    private static void answers(Response response, int status, String body) {
        assertEquals(body, new String(response.body(), StandardCharsets.UTF_8));
        assertEquals(status, response.status());
        assertEquals(body.isEmpty() ? null : "application/json", response.headers().get("Content-Type"));
    }

    private static void failsWith(Response response, int status, String code) {
        assertEquals(code, response.json().get("code"));
        assertEquals(status, response.status());
        assertEquals(List.of("code", "message"), List.copyOf(response.json().keySet()));
        assertFalse(response.json().get("message").toString().isEmpty());
    }

    private Response answer(CallHandler<Map<String, Object>> handler) {
        return TestDelivery.request(METHOD, Map.of()).sendTo(options.build().request(METHOD, handler));
    }

    private Response take(EventHandler<Map<String, Object>> handler) {
        return TestDelivery.event("a.b", "1", Map.of()).sendTo(options.build().event("a.b", handler));
    }

    @Test
    void callsAreAnswered() {
        answers(answer(c -> Answer.change("a", 1).and("b", null)), 200, "{\"a\":1,\"b\":null}");
        answers(answer(c -> Answer.change(Map.of())), 200, "{}");
        answers(answer(c -> Answer.unchanged()), 204, "");
        answers(answer(c -> null), 204, "");
        var refusal = "{\"forwardedStatusCode\":422,\"forwardedErrorMessage\":\"no\\n\"}";
        answers(answer(c -> Answer.reject(422, "no\n")), 200, refusal);
        answers(answer(c -> {
            throw new Reject(422, "no\n");
        }), 200, refusal);
        var claims = Answer.claim("k", 1).claim("l", List.of()).metadata("m", new byte[] {1, 2}).logClaim("n");
        answers(answer(c -> claims), 200, "{\"append_claims\":[{\"key\":\"k\",\"value\":1},{\"key\":\"l\",\"value\":[]}],"
                + "\"set_user_metadata\":[{\"key\":\"m\",\"value\":\"AQI=\"}],\"append_log_claims\":[\"n\"]}");
        assertEquals(List.of(), lines);
    }

    @Test
    void whatIsNoAnswerFails() {
        for (Object bad : new Object[] {List.of(1), "x", 7, Double.NaN, Map.of("a", new Object()), Map.of("a", "x".repeat(1 << 20))}) {
            failsWith(answer(c -> Answer.change(bad)), 500, "handler_failed");
        }
        answers(answer(c -> Answer.change("a", "x".repeat((1 << 20) - 8))), 200, "{\"a\":\"" + "x".repeat((1 << 20) - 8) + "\"}");
        failsWith(answer(c -> Answer.reject(399, "x")), 500, "handler_failed");
        failsWith(answer(c -> Answer.reject(500, "x")), 500, "handler_failed");
        failsWith(answer(c -> Answer.reject(400, "")), 500, "handler_failed");
        failsWith(answer(c -> Answer.reject(400, "ä".repeat(4097))), 500, "handler_failed");
        assertEquals(200, answer(c -> Answer.reject(499, "ä".repeat(4096))).status());
    }

    @Test
    void whatIsThrownIsLoggedAndNotAnswered() {
        var answer = answer(c -> {
            throw new Exception("secret inside");
        });
        failsWith(answer, 500, "handler_failed");
        assertFalse(new String(answer.body()).contains("secret"));
        assertTrue(lines.get(0).contains("secret inside") && lines.get(0).contains(METHOD), lines.toString());
        failsWith(answer(c -> {
            throw new StackOverflowError();
        }), 500, "handler_failed");
        failsWith(answer(c -> {
            throw new Later("x");
        }), 500, "handler_failed");
    }

    @Test
    void theLogTellsThePlaceInTheDevelopersCode() {
        var thrown = new NumberFormatException("x");
        thrown.setStackTrace(new StackTraceElement[] {
                new StackTraceElement("java.lang.Integer", "parseInt", "Integer.java", 652),
                new StackTraceElement("io.github.callouthq.callout.Call", "request", "Call.java", 1),
                new StackTraceElement("acme.Hooks", "lambda$main$0", "Hooks.java", 12),
                new StackTraceElement("acme.Main", "main", "Main.java", 3)});
        assertEquals(" (Hooks.java:12)", Place.of(thrown));
        assertEquals("", Place.of(null));
        thrown.setStackTrace(new StackTraceElement[0]);
        assertEquals("", Place.of(thrown));
    }

    @Test
    void eventsAreTaken() {
        answers(take(e -> { }), 204, "");
        var later = take(e -> {
            throw new Later("not now", Duration.ofMillis(6001));
        });
        answers(later, 503, "{\"code\":\"retry_later\",\"message\":\"not now\"}");
        assertEquals("7", later.headers().get("Retry-After"));
        assertNull(take(e -> {
            throw new Later("not now");
        }).headers().get("Retry-After"));
        answers(take(e -> {
            throw new Never("no use");
        }), 422, "{\"code\":\"given_up\",\"message\":\"no use\"}");
        failsWith(take(e -> {
            throw new Reject(422, "no");
        }), 500, "handler_failed");
        assertThrows(IllegalArgumentException.class, () -> new Later("x", Duration.ofSeconds(-1)));
    }

    @Test
    void whatNoHandlerCoversGoesToTheFallback() {
        failsWith(TestDelivery.request(METHOD, Map.of()).sendTo(options.build()), 404, "unknown_condition");
        failsWith(TestDelivery.event("a", "1", Map.of()).sendTo(options.build()), 404, "unknown_condition");
        var with = options.fallback(d -> Answer.change("name", d.phase() + " " + d.name())).build();
        answers(TestDelivery.function("f", Map.of()).sendTo(with), 200, "{\"name\":\"FUNCTION f\"}");
        answers(TestDelivery.event("a", "1", Map.of()).sendTo(with), 204, "");
    }

    @Test
    void checksStandInTheirOrder() {
        var hooks = options.path("/hooks").maxBody(300).build();
        var good = TestDelivery.request(METHOD, Map.of());
        failsWith(hooks.handle("GET", "/", good.headers(), good.body()), 404, "not_found");
        var get = hooks.handle("GET", "/hooks", good.header("Content-Type", "text/plain").headers(), good.body());
        failsWith(get, 405, "method_not_allowed");
        assertEquals("POST", get.headers().get("Allow"));
        var large = TestDelivery.request(METHOD, "x".repeat(300)).signedWith();
        failsWith(hooks.handle("POST", "/hooks", large.header("Content-Type", "text/plain").headers(), large.body()), 415, "unsupported_media_type");
        failsWith(hooks.handle("POST", "/hooks", large.header("Content-Type", "application/json").headers(), large.body()), 413, "body_too_large");
        var forged = TestDelivery.request(METHOD, 1).raw("x".getBytes()).signedWith("whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD");
        failsWith(hooks.handle("POST", "/hooks", forged.headers(), forged.body()), 401, "unauthorized");
        assertTrue(lines.get(0).contains("webhook-signature: no signature fits"), lines.toString());
        var broken = TestDelivery.request(METHOD, 1).raw("x".getBytes());
        failsWith(hooks.handle("POST", "/hooks", broken.headers(), broken.body()), 400, "malformed");
        hooks.drain();
        failsWith(hooks.handle("GET", "/", good.headers(), good.body()), 503, "unavailable");
        assertFalse(lines.toString().contains(TestDelivery.KEY) || lines.toString().contains("v1,"), "no key and no signature in the log");
    }

    @Test
    void aBodyThatWasReadIsNoticed() {
        var good = TestDelivery.request(METHOD, Map.of("a", 1));
        failsWith(options.build().handle("POST", "/", good.headers(), new byte[0]), 500, "body_consumed");
        failsWith(options.build().handle("POST", "/", good.headers().map(), null), 500, "body_consumed");
        assertTrue(lines.get(0).contains("@RequestBody byte[]"), lines.toString());
    }

    @ParameterizedTest
    @ValueSource(strings = {
        "", "[]", "1", "{", "{}{}", "{\"a\":NaN}", "{\"fullMethod\":1}", "{\"event_type\":null}", "{\"function\":{}}", "{\"request\":{}}", "{\"fullMethod\":\"\\ud8\"}",
        "{\"specversion\":\"1.0\"}", "{\"specversion\":\"1.0\",\"data\":1}", "{\"specversion\":\"0.3\",\"data\":{\"event_type\":\"a\"}}"})
    void whatIsNoBodyIsMalformed(String body) {
        failsWith(TestDelivery.request(METHOD, 1).raw(body.getBytes(StandardCharsets.UTF_8)).sendTo(options.build()), 400, "malformed");
    }

    @Test
    void typesOfContent() {
        var hooks = options.build().request(METHOD, c -> null);
        for (String type : new String[] {"application/json", "Application/JSON; charset=utf-8", "application/cloudevents+json"}) {
            assertEquals(204, TestDelivery.request(METHOD, 1).header("Content-Type", type).sendTo(hooks).status(), type);
        }
        for (String type : new String[] {null, "", "text/json", "application/jsonx", "application/jwt", "application/jose", "application/json,application/json"}) {
            assertEquals(415, TestDelivery.request(METHOD, 1).header("Content-Type", type).sendTo(hooks).status(), type);
        }
        assertEquals(415, TestDelivery.request(METHOD, 1).header("Content-Encoding", "gzip").sendTo(hooks).status());
        assertEquals(204, TestDelivery.request(METHOD, 1).header("Content-Encoding", "identity").sendTo(hooks).status());
    }

    @Test
    void handlersSeeWhatIsKnown() {
        var seen = new AtomicReference<Event<Map<String, Object>>>();
        var hooks = options.build().event("*", seen::set);
        for (boolean structured : new boolean[] {false, true}) {
            var sent = TestDelivery.event("user.added", "u1", Map.of("name", "Ada")).attempt(3).sequence(42).org("acme").instance("a%20b%C3%A4")
                    .replay().redrive().member("new", 9007199254740993L).deliveryId("dlv-" + structured).header("traceparent", "00-1");
            assertEquals(204, (structured ? sent.cloudEvent() : sent).sendTo(hooks).status());
            var event = seen.get();
            assertEquals(List.of("user.added", "u1", "dlv-" + structured, "a bä", "acme", "acme", "test"), List.of(
                    event.type(), event.aggregateId(), event.deliveryId(), event.instance(), event.org(), event.resourceOwner(), event.target()));
            assertEquals(Map.of("name", "Ada"), event.payload());
            assertEquals(9007199254740993L, event.body().get("new"));
            assertEquals(event.body(), Json.readObject(event.raw()));
            assertEquals(3, event.attempt());
            assertEquals(42, event.sequence().orElseThrow());
            assertTrue(event.isReplay() && event.isRedrive() && !event.isTest());
            assertEquals("2026-01-02T03:00:00.123Z", event.eventTime().orElseThrow().toString());
            assertEquals("00-1", event.headers().one("Traceparent"));
            assertTrue(event.eventId().startsWith("evt_"));
            assertTrue(event.remaining().compareTo(Duration.ofMillis(9900)) <= 0);
        }
    }

    record Request(String name) {}

    record Reply(long count) {}

    @Test
    void typesReachHandlers() {
        var hooks = options.build()
                .response(METHOD, Request.class, Reply.class, c -> Answer.change("count", c.response().count() + c.request().name().length()))
                .response("p.S", c -> Answer.change("count", c.response().get("count")))
                .function("f", Request.class, (body, delivery) -> Answer.change(body.name(), delivery.attempt()));
        answers(TestDelivery.response(METHOD, Map.of("name", "Ada"), Map.of("count", "4")).sendTo(hooks), 200, "{\"count\":7}");
        answers(TestDelivery.response("/p.S/N", Map.of(), Map.of("count", 4)).sendTo(hooks), 200, "{\"count\":4}");
        answers(TestDelivery.function("f", Map.of("name", "Ada")).attempt(2).sendTo(hooks), 200, "{\"Ada\":2}");
    }
}
