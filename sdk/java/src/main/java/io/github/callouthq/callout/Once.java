package io.github.callouthq.callout;

import io.github.callouthq.callout.http.Headers;
import io.github.callouthq.callout.http.Response;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/** Sees to it that a delivery is handled once: those that are done are in the store, those under way in memory. */
final class Once {
    private static final int MAX_ID = 255;

    private final Store store;
    private final Set<String> underWay = ConcurrentHashMap.newKeySet();

    Once(Store store) {
        this.store = store;
    }

    /**
     * Gives what a delivery is known by, or null where it may be handled again: a sample, a call that somebody waits for, and one
     * without an id that could be kept.
     */
    static String key(Phase phase, Headers headers, String id) {
        boolean delivered = phase == Phase.EVENT || !headers.all("Callout-Sequence").isEmpty();
        boolean good = !id.isEmpty() && id.length() <= MAX_ID && id.chars().allMatch(c -> c > ' ' && c <= '~');
        return delivered && good && !headers.marks("Callout-Test") ? id : null;
    }

    /** Begins a delivery, and gives null; or says why its handler does not run. */
    Response begin(String key) throws Exception {
        if (key == null) {
            return null;
        }
        boolean begun = underWay.add(key);
        try {
            if (store.seen(key)) {
                if (begun) {
                    end(key);
                }
                return Replies.DUPLICATE;
            }
        } catch (Exception e) {
            if (begun) {
                end(key);
            }
            throw e;
        }
        return begun ? null : Replies.IN_PROGRESS;
    }

    void done(String key) throws Exception {
        if (key != null) {
            store.done(key);
        }
    }

    void end(String key) {
        if (key != null) {
            underWay.remove(key);
        }
    }
}
