package io.github.callouthq.callout.codec;

import java.lang.reflect.Type;

/**
 * Turns JSON into the types of handlers, and their answers into JSON. {@link RecordCodec} needs no library,
 * {@link Jackson2Codec} and {@link Jackson3Codec} take what Jackson takes; write one for another library. It is used by several
 * threads.
 */
public interface Codec {
    /**
     * Reads a value. What is read was checked to be JSON.
     *
     * @param json bytes that hold it
     * @param from where it begins
     * @param to   where it ends, that byte not included
     * @param type what is wanted
     * @return a value of the type; null for {@code null}
     * @throws Exception if the JSON does not fit the type; members that the type does not have are no reason
     */
    Object read(byte[] json, int from, int to, Type type) throws Exception;

    /**
     * Writes a value.
     *
     * @param value what a handler answers
     * @return it as JSON
     * @throws Exception if it cannot be written
     */
    byte[] write(Object value) throws Exception;
}
