package io.github.callouthq.callout.json;

/**
 * A member of a JSON object, whose value is a span of the bytes that were scanned.
 *
 * @param name the name, unescaped
 * @param from where the value begins
 * @param to   where it ends, that byte not included
 */
public record Member(String name, int from, int to) {}
