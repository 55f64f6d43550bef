package io.github.callouthq.callout;

import java.util.regex.Pattern;

/** What a handler stands under: the text of a condition, checked for its phase. */
final class Condition {
    static final String ALL = "*";

    private static final String NAME = "[A-Za-z_][A-Za-z0-9_]*";
    private static final Pattern SERVICE = Pattern.compile(NAME + "(\\." + NAME + ")*");
    private static final Pattern METHOD = Pattern.compile("/" + SERVICE.pattern() + "/" + NAME);
    private static final Pattern FUNCTION = Pattern.compile("[A-Za-z0-9_-]+(\\.[A-Za-z0-9_-]+)*");
    private static final Pattern EVENT = Pattern.compile("[^\\s\\p{Cntrl}.*>/][^\\s\\p{Cntrl}.*>]*(\\.[^\\s\\p{Cntrl}.*>]+)*");
    private static final int MAX = 256;

    private Condition() {}

    /** Gives the key that a handler is kept under. */
    static String check(Phase phase, String text) {
        var key = phase == Phase.FUNCTION && text.startsWith(Envelope.FUNCTION_PREFIX) ? text.substring(Envelope.FUNCTION_PREFIX.length()) : text;
        boolean good = switch (phase) {
            case REQUEST, RESPONSE -> key.equals(ALL) || METHOD.matcher(key).matches() || SERVICE.matcher(key).matches();
            case FUNCTION -> FUNCTION.matcher(key).matches();
            case EVENT -> key.equals(ALL) || EVENT.matcher(key.endsWith(".*") ? key.substring(0, key.length() - 2) : key).matches();
        };
        if (!good || key.length() > MAX) {
            throw new IllegalArgumentException("\"" + text + "\" is no condition of a " + phase.word() + ": " + phase.grammar());
        }
        return key;
    }
}
