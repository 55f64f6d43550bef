package io.github.callouthq.callout;

import io.github.callouthq.callout.json.Json;
import io.github.callouthq.callout.json.JsonException;
import io.github.callouthq.callout.json.Member;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;

/** A body, taken apart: what it is, for what it is, and where its members stand. */
final class Envelope {
    static final String FUNCTION_PREFIX = "function/";

    final byte[] json;
    final Map<String, Member> members;
    final Phase phase;
    /** The method, the function without its prefix, or the type of the event. */
    final String name;

    private Envelope(byte[] json, Map<String, Member> members) {
        this.json = json;
        this.members = members;
        var function = text("function");
        var type = text("event_type");
        var method = text("fullMethod");
        if (function != null) {
            phase = Phase.FUNCTION;
            name = function.startsWith(FUNCTION_PREFIX) ? function.substring(FUNCTION_PREFIX.length()) : function;
        } else if (type != null) {
            phase = Phase.EVENT;
            name = type;
        } else if (method != null) {
            phase = members.containsKey("response") ? Phase.RESPONSE : Phase.REQUEST;
            name = method;
        } else {
            throw new JsonException("it is no function, event, response or request");
        }
    }

    /** Reads a body. A CloudEvent in its structured form is unwrapped. */
    static Envelope read(byte[] body) {
        var members = index(body);
        if ("1.0".equals(text(body, members.get("specversion")))) {
            var data = members.get("data");
            if (data == null) {
                throw new JsonException("the CloudEvent has no data");
            }
            body = Arrays.copyOfRange(body, data.from(), data.to());
            members = index(body);
        }
        return new Envelope(body, members);
    }

    private static Map<String, Member> index(byte[] body) {
        var out = new HashMap<String, Member>();
        for (Member member : Json.scan(body)) {
            out.put(member.name(), member);
        }
        return out;
    }

    /** Gives a member that is a text, or null. */
    String text(String name) {
        return text(json, members.get(name));
    }

    private static String text(byte[] json, Member member) {
        return member != null && json[member.from()] == '"' ? (String) Json.value(json, member) : null;
    }
}
