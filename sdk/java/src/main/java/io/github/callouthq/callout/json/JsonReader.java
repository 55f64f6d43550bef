package io.github.callouthq.callout.json;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Builds values of JSON that JsonScanner has found good, so it checks nothing again. */
final class JsonReader {
    // A long has eighteen digits that may be any.
    private static final int LONG_DIGITS = 18;
    // To read more digits takes time that grows with their square.
    private static final int MOST_DIGITS = 1000;

    private final byte[] bytes;
    private int at;

    JsonReader(byte[] bytes, int from) {
        this.bytes = bytes;
        this.at = from;
    }

    Object value() {
        space();
        switch (bytes[at]) {
            case '{':
                return object();
            case '[':
                return list();
            case '"':
                return text();
            case 't':
                at += 4;
                return true;
            case 'f':
                at += 5;
                return false;
            case 'n':
                at += 4;
                return null;
            default:
                return number();
        }
    }

    private Map<String, Object> object() {
        var out = new LinkedHashMap<String, Object>();
        at++;
        space();
        while (bytes[at] != '}') {
            String name = text();
            space();
            at++; // the colon
            out.put(name, value());
            space();
            if (bytes[at] == ',') {
                at++;
                space();
            }
        }
        at++;
        return out;
    }

    private List<Object> list() {
        var out = new ArrayList<Object>();
        at++;
        space();
        while (bytes[at] != ']') {
            out.add(value());
            space();
            if (bytes[at] == ',') {
                at++;
                space();
            }
        }
        at++;
        return out;
    }

    private String text() {
        int from = at++;
        while (bytes[at] != '"') {
            at += bytes[at] == '\\' ? 2 : 1;
        }
        return JsonText.read(bytes, from, ++at);
    }

    private Number number() {
        int from = at;
        boolean whole = true;
        for (; at < bytes.length; at++) {
            byte c = bytes[at];
            boolean digit = c >= '0' && c <= '9' || c == '-' || c == '+';
            if (!digit && c != '.' && c != 'e' && c != 'E') {
                break;
            }
            whole = whole && digit;
        }
        var text = new String(bytes, from, at - from, StandardCharsets.US_ASCII);
        if (text.equals("-0") || text.length() > MOST_DIGITS) {
            return new UnusualNumber(text);
        }
        if (whole) {
            return text.length() <= LONG_DIGITS ? (Number) Long.valueOf(text) : narrow(new BigInteger(text));
        }
        try {
            return new BigDecimal(text);
        } catch (NumberFormatException e) {
            return new UnusualNumber(text); // an exponent of ten digits or more
        }
    }

    private static Number narrow(BigInteger number) {
        return number.bitLength() < Long.SIZE ? (Number) number.longValue() : number;
    }

    private void space() {
        while (at < bytes.length && bytes[at] >= 0 && bytes[at] <= ' ') {
            at++;
        }
    }
}
