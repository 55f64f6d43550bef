package io.github.callouthq.callout.http;

import io.github.callouthq.callout.json.Json;
import java.util.Map;

/**
 * An answer over HTTP.
 *
 * @param status  its status
 * @param headers its headers; {@code Content-Length} is for who writes it
 * @param body    its body, empty where there is none; not to be changed
 */
public record Response(int status, Map<String, String> headers, byte[] body) {
    /**
     * Reads the body.
     *
     * @return its members
     * @throws io.github.callouthq.callout.json.JsonException if it is no JSON object
     */
    public Map<String, Object> json() {
        return Json.readObject(body);
    }

    /** Shows the status and how long the body is. */
    @Override
    public String toString() {
        return "Response[" + status + ", " + body.length + " bytes]";
    }
}
