package io.github.callouthq.callout;

import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;

/** What a handler of a call says: a change, nothing, or a refusal. */
public sealed interface Answer permits Answer.Change, Answer.Unchanged, Answer.Rejection, Claims {
    /** How many bytes the message of a refusal has at most. */
    int MAX_MESSAGE = 8192;

    /**
     * A change: an object that is merged into the request or response, or into what the function gives.
     *
     * @param value a record, a map, or what the codec writes as an object
     */
    record Change(Object value) implements Answer {
        /**
         * Adds a member to a change that was begun with {@link Answer#change(String, Object)}.
         *
         * @param member its name
         * @param value  its value; null takes the member out
         * @return a change with both
         * @throws IllegalStateException if the change is no map
         */
        public Change and(String member, Object value) {
            if (!(this.value instanceof Map<?, ?> map)) {
                throw new IllegalStateException("a member is added to a change that is a map");
            }
            var all = new LinkedHashMap<Object, Object>(map);
            all.put(member, value);
            return new Change(all);
        }
    }

    /** Nothing is changed. */
    record Unchanged() implements Answer {}

    /**
     * A refusal, which the user of the core gets.
     *
     * @param status  400 to 499
     * @param message a text for people, 1 to 8192 bytes
     */
    record Rejection(int status, String message) implements Answer {
        /**
         * Makes one.
         *
         * @param status  400 to 499
         * @param message a text for people, 1 to 8192 bytes
         * @throws IllegalArgumentException if the status or the message is out of bounds
         */
        public Rejection {
            if (status < 400 || status > 499) {
                throw new IllegalArgumentException("a refusal has a status of 400 to 499");
            }
            int length = message == null ? 0 : message.getBytes(StandardCharsets.UTF_8).length;
            if (length == 0 || length > MAX_MESSAGE) {
                throw new IllegalArgumentException("a refusal has a message of 1 to " + MAX_MESSAGE + " bytes");
            }
        }
    }

    /**
     * Changes members.
     *
     * @param value a record, a map, or what the codec writes as an object; what it lacks stays as it is
     * @return the change
     */
    static Change change(Object value) {
        return new Change(Objects.requireNonNull(value, "a change is an object: answer unchanged() for none"));
    }

    /**
     * Changes a member.
     *
     * @param member its name
     * @param value  its value; null takes the member out
     * @return the change, to which {@link Change#and} adds members
     */
    static Change change(String member, Object value) {
        var map = new LinkedHashMap<Object, Object>();
        map.put(member, value);
        return new Change(map);
    }

    /**
     * Changes nothing.
     *
     * @return the answer
     */
    static Unchanged unchanged() {
        return new Unchanged();
    }

    /**
     * Refuses.
     *
     * @param status  400 to 499
     * @param message a text for people, 1 to {@value #MAX_MESSAGE} bytes
     * @return the refusal
     * @throws IllegalArgumentException if one of them is out of bounds
     */
    static Rejection reject(int status, String message) {
        return new Rejection(status, message);
    }

    /**
     * Adds a claim to a token.
     *
     * @param key   its name
     * @param value what the codec writes
     * @return claims, to which more can be added
     */
    static Claims claim(String key, Object value) {
        return new Claims().claim(key, value);
    }

    /**
     * Sets metadata of the user.
     *
     * @param key   its name
     * @param value its value
     * @return claims, to which more can be added
     */
    static Claims metadata(String key, byte[] value) {
        return new Claims().metadata(key, value);
    }

    /**
     * Adds a text to the claims of the token that are a log.
     *
     * @param text the text
     * @return claims, to which more can be added
     */
    static Claims logClaim(String text) {
        return new Claims().logClaim(text);
    }
}
