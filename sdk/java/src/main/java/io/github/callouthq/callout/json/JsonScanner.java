package io.github.callouthq.callout.json;

import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/**
 * Checks that bytes are one JSON value by RFC 8259 and nothing else, and tells where the members of an object
 * stand. It builds no values, so that only what a handler asks for is ever built.
 */
final class JsonScanner {
    private final byte[] bytes;
    private final int end;
    private int at;
    private int depth;

    JsonScanner(byte[] bytes, int from, int to) {
        this.bytes = bytes;
        this.at = from;
        this.end = to;
        checkUtf8(bytes, from, to);
    }

    /** Scans an object, and gives its members in their order. A name may stand twice. */
    List<Member> object() {
        space();
        if (at >= end || bytes[at] != '{') {
            throw new JsonException("it is no JSON object");
        }
        var members = new ArrayList<Member>();
        members(members);
        finish();
        return members;
    }

    /** Scans any value. */
    void document() {
        space();
        value();
        finish();
    }

    private void finish() {
        space();
        if (at != end) {
            throw new JsonException("something stands behind the JSON");
        }
    }

    private void value() {
        switch (peek()) {
            case '{' -> members(null);
            case '[' -> elements();
            case '"' -> string();
            case 't' -> word("true");
            case 'f' -> word("false");
            case 'n' -> word("null");
            default -> number();
        }
    }

    private void members(List<Member> into) {
        enter();
        if (peek() == '}') {
            leave();
            return;
        }
        while (true) {
            if (peek() != '"') {
                throw new JsonException("the name of a member is no text");
            }
            int name = at;
            string();
            int nameEnd = at;
            space();
            take(':');
            int from = at;
            value();
            if (into != null) {
                into.add(new Member(JsonText.read(bytes, name, nameEnd), from, at));
            }
            if (next('}')) {
                return;
            }
        }
    }

    private void elements() {
        enter();
        if (peek() == ']') {
            leave();
            return;
        }
        do {
            space();
            value();
        } while (!next(']'));
    }

    /** Goes behind a comma and what is space, or behind the end of a list or an object, which it tells. */
    private boolean next(char close) {
        space();
        if (peek() == close) {
            leave();
            return true;
        }
        take(',');
        return false;
    }

    private void enter() {
        if (++depth > Json.MAX_DEPTH) {
            throw new JsonException("it is nested more than " + Json.MAX_DEPTH + " deep");
        }
        at++;
        space();
    }

    private void leave() {
        depth--;
        at++;
    }

    private void string() {
        at++;
        while (at < end) {
            byte c = bytes[at++];
            if (c == '"') {
                return;
            }
            if (c == '\\') {
                escape();
            } else if (c >= 0 && c < ' ') {
                throw new JsonException("a control character stands in a text");
            }
        }
        throw new JsonException("a text has no end");
    }

    private void escape() {
        if (at >= end) {
            throw new JsonException("a text has no end");
        }
        byte c = bytes[at++];
        if (c == 'u') {
            for (int n = 0; n < 4; n++, at++) {
                if (at >= end || Character.digit(bytes[at], 16) < 0) {
                    throw new JsonException("an escape in a text is malformed");
                }
            }
        } else if ("\"\\/bfnrt".indexOf(c) < 0) {
            throw new JsonException("an escape in a text is malformed");
        }
    }

    private void number() {
        if (peek() == '-') {
            at++;
        }
        if (peek() == '0') {
            at++;
        } else {
            digits();
        }
        if (at < end && bytes[at] == '.') {
            at++;
            digits();
        }
        if (at < end && (bytes[at] == 'e' || bytes[at] == 'E')) {
            at++;
            if (at < end && (bytes[at] == '+' || bytes[at] == '-')) {
                at++;
            }
            digits();
        }
    }

    private void digits() {
        int from = at;
        while (at < end && bytes[at] >= '0' && bytes[at] <= '9') {
            at++;
        }
        if (from == at) {
            throw new JsonException("it is no JSON");
        }
    }

    private void word(String word) {
        for (int n = 0; n < word.length(); n++, at++) {
            if (at >= end || bytes[at] != word.charAt(n)) {
                throw new JsonException("it is no JSON");
            }
        }
    }

    private void take(char c) {
        if (peek() != c) {
            throw new JsonException("it is no JSON");
        }
        at++;
        space();
    }

    private byte peek() {
        if (at >= end) {
            throw new JsonException("the JSON has no end");
        }
        return bytes[at];
    }

    private void space() {
        while (at < end && (bytes[at] == ' ' || bytes[at] == '\n' || bytes[at] == '\r' || bytes[at] == '\t')) {
            at++;
        }
    }

    private static void checkUtf8(byte[] bytes, int from, int to) {
        int ascii = from;
        while (ascii < to && bytes[ascii] >= 0) {
            ascii++;
        }
        if (ascii == to) {
            return;
        }
        try {
            StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes, ascii, to - ascii));
        } catch (CharacterCodingException e) {
            throw new JsonException("it is not UTF-8");
        }
    }
}
