package io.github.callouthq.callout.json;

import java.nio.charset.StandardCharsets;

/** Texts of JSON that were scanned already, as Java has them, and back. */
final class JsonText {
    private static final char[] HEX = "0123456789abcdef".toCharArray();

    private JsonText() {}

    /** Reads a text with its quotes. */
    static String read(byte[] bytes, int from, int to) {
        boolean plain = true;
        for (int n = from + 1; n < to - 1 && plain; n++) {
            plain = bytes[n] != '\\';
        }
        var text = new String(bytes, from + 1, to - from - 2, StandardCharsets.UTF_8);
        return plain ? text : unescape(text);
    }

    private static String unescape(String text) {
        var out = new StringBuilder(text.length());
        for (int n = 0; n < text.length(); n++) {
            char c = text.charAt(n);
            if (c != '\\') {
                out.append(c);
                continue;
            }
            c = text.charAt(++n);
            switch (c) {
                case 'b' -> out.append('\b');
                case 'f' -> out.append('\f');
                case 'n' -> out.append('\n');
                case 'r' -> out.append('\r');
                case 't' -> out.append('\t');
                case 'u' -> {
                    out.append((char) Integer.parseInt(text, n + 1, n + 5, 16));
                    n += 4;
                }
                default -> out.append(c);
            }
        }
        return out.toString();
    }

    /** Writes a text with its quotes. Half of a surrogate pair, which UTF-8 cannot hold, is written as an escape. */
    static void write(String text, StringBuilder out) {
        out.append('"');
        for (int n = 0; n < text.length(); n++) {
            char c = text.charAt(n);
            boolean pair = Character.isHighSurrogate(c) && n + 1 < text.length() && Character.isLowSurrogate(text.charAt(n + 1));
            if (pair) {
                out.append(c).append(text.charAt(++n));
            } else if (c == '"' || c == '\\') {
                out.append('\\').append(c);
            } else if (c < ' ' || c == 0x7f || Character.isSurrogate(c)) {
                escape(c, out);
            } else {
                out.append(c);
            }
        }
        out.append('"');
    }

    private static void escape(char c, StringBuilder out) {
        switch (c) {
            case '\n' -> out.append("\\n");
            case '\r' -> out.append("\\r");
            case '\t' -> out.append("\\t");
            default -> out.append("\\u").append(HEX[c >> 12]).append(HEX[c >> 8 & 15]).append(HEX[c >> 4 & 15]).append(HEX[c & 15]);
        }
    }
}
