package io.github.callouthq.callout;

/** At which point of the core's work a handler runs. */
public enum Phase {
    /** Before the core handles a request. */
    REQUEST("request", "write *, pkg.Service or /pkg.Service/Method"),
    /** After the core has handled it. */
    RESPONSE("response", "write *, pkg.Service or /pkg.Service/Method"),
    /** A place that the core has a name for. */
    FUNCTION("function", "write a name such as create_id_token"),
    /** After the core has stored an event. */
    EVENT("event", "write *, a group such as user.*, or a type such as user.added");

    private final String word;
    private final String grammar;

    Phase(String word, String grammar) {
        this.word = word;
        this.grammar = grammar;
    }

    String word() {
        return word;
    }

    String grammar() {
        return grammar;
    }
}
