package io.github.callouthq.callout;

import io.github.callouthq.callout.http.Response;
import io.github.callouthq.callout.json.Json;
import java.util.LinkedHashMap;
import java.util.Map;

/** The answers of a receiver, all but the object of a change. Their texts say nothing of the inside. */
final class Replies {
    private static final byte[] NOTHING = new byte[0];
    private static final Map<String, String> JSON = Map.of("Content-Type", "application/json");

    static final Response UNCHANGED = new Response(204, Map.of(), NOTHING);
    static final Response DUPLICATE = new Response(204, Map.of("Callout-Duplicate", "true"), NOTHING);
    static final Response IN_PROGRESS = failure(409, "in_progress", "the delivery is being handled at this moment");
    static final Response MALFORMED = failure(400, "malformed", "the body is no request, response, function or event in JSON");
    static final Response UNAUTHORIZED = failure(401, "unauthorized", "the request is not genuine");
    static final Response UNKNOWN_CONDITION = failure(404, "unknown_condition", "no handler covers this: is the execution the right one?");
    static final Response NOT_FOUND = failure(404, "not_found", "nothing is served at this path");
    static final Response METHOD_NOT_ALLOWED =
            new Response(405, Map.of("Content-Type", "application/json", "Allow", "POST"), body("method_not_allowed", "only POST is taken"));
    static final Response TOO_LARGE = failure(413, "body_too_large", "the body is longer than is taken");
    static final Response UNSUPPORTED = failure(415, "unsupported_media_type", "the body is to be application/json, not encoded");
    static final Response HANDLER_FAILED = failure(500, "handler_failed", "the handler failed");
    static final Response BODY_CONSUMED = failure(500, "body_consumed", "the body was read before it could be checked");
    static final Response UNAVAILABLE = failure(503, "unavailable", "the receiver cannot take this now");
    static final Response TIMEOUT = failure(504, "handler_timeout", "the handler did not answer in time");
    static final Response HEALTHY = json(200, Map.of("status", "ok"));
    static final Response DRAINING = json(503, Map.of("status", "draining"));

    private Replies() {}

    static Response changed(byte[] object) {
        return new Response(200, JSON, object);
    }

    static Response rejected(Answer.Rejection rejection) {
        var body = new LinkedHashMap<String, Object>();
        body.put("forwardedStatusCode", rejection.status());
        body.put("forwardedErrorMessage", rejection.message());
        return json(200, body);
    }

    static Response later(Later later) {
        var seconds = later.seconds();
        var headers = seconds == null ? JSON : Map.of("Content-Type", "application/json", "Retry-After", seconds);
        return new Response(503, headers, body("retry_later", text(later, "the event is to come again later")));
    }

    static Response never(Never never) {
        return failure(422, "given_up", text(never, "it is of no use to send the event again"));
    }

    private static String text(RuntimeException said, String otherwise) {
        return said.getMessage() == null ? otherwise : said.getMessage();
    }

    private static Response failure(int status, String code, String message) {
        return new Response(status, JSON, body(code, message));
    }

    private static byte[] body(String code, String message) {
        var body = new LinkedHashMap<String, Object>();
        body.put("code", code);
        body.put("message", message);
        return Json.write(body);
    }

    private static Response json(int status, Map<String, Object> body) {
        return new Response(status, JSON, Json.write(body));
    }
}
