package io.github.callouthq.callout;

import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Map;

/** A store in the memory of this process: it forgets the oldest when it is full, and what is too old. */
public final class MemoryStore implements Store {
    private final int most;
    private final long nanos;
    private final Map<String, Long> done = new LinkedHashMap<>();

    /** Makes one of 10,000 ids for 10 minutes. */
    public MemoryStore() {
        this(10_000, Duration.ofMinutes(10));
    }

    /**
     * Makes one.
     *
     * @param most how many ids it keeps, at least 1
     * @param time how long it keeps one
     */
    public MemoryStore(int most, Duration time) {
        if (most < 1 || time.isNegative() || time.isZero()) {
            throw new IllegalArgumentException("a store keeps something for some time");
        }
        this.most = most;
        this.nanos = time.toNanos();
    }

    @Override
    public synchronized boolean seen(String id) {
        var at = done.get(id);
        return at != null && System.nanoTime() - at < nanos;
    }

    @Override
    public synchronized void done(String id) {
        done.remove(id); // so that it stands last again
        done.put(id, System.nanoTime());
        if (done.size() > most) {
            var oldest = done.keySet().iterator();
            oldest.next();
            oldest.remove();
        }
    }
}
