package io.github.callouthq.callout;

/**
 * Keeps which deliveries are done, so that each is handled once. Where your data is in a database, keep it there, in the same
 * transaction. It is used by several threads. A method that throws makes the delivery come again.
 */
public interface Store {
    /**
     * Tells whether a delivery is done.
     *
     * @param id its id, at most 255 visible ASCII characters
     * @return whether it is
     * @throws Exception if that cannot be told now
     */
    boolean seen(String id) throws Exception;

    /**
     * Keeps that a delivery is done. It is called after its handler has succeeded, never before.
     *
     * @param id its id
     * @throws Exception if it cannot be kept
     */
    void done(String id) throws Exception;
}
