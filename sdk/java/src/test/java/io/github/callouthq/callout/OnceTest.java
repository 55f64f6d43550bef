package io.github.callouthq.callout;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.callouthq.callout.http.Response;
import io.github.callouthq.callout.testing.TestDelivery;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

class OnceTest {
    private final AtomicInteger ran = new AtomicInteger();
    private final CalloutBuilder options = Callout.builder().key(TestDelivery.KEY).log((level, message, cause) -> { });

    private static TestDelivery event() {
        return TestDelivery.event("a.b", "1", Map.of()).deliveryId("dlv_1");
    }

    private static boolean isDuplicate(Response response) {
        return response.status() == 204 && "true".equals(response.headers().get("Callout-Duplicate"));
    }

    @Test
    void aDeliveryThatIsDoneIsNotHandledAgain() {
        var hooks = options.build().event("*", e -> ran.incrementAndGet());
        assertFalse(isDuplicate(event().sendTo(hooks)));
        assertTrue(isDuplicate(event().attempt(2).sendTo(hooks)));
        assertTrue(isDuplicate(event().replay().sendTo(hooks)));
        assertEquals(204, event().deliveryId("dlv_2").sendTo(hooks).status());
        assertEquals(2, ran.get());
    }

    @Test
    void whatFailedComesAgain() {
        var hooks = options.build().event("*", e -> {
            if (ran.incrementAndGet() == 1) {
                throw new IllegalStateException();
            }
        });
        assertEquals(500, event().sendTo(hooks).status());
        assertFalse(isDuplicate(event().sendTo(hooks)));
        assertTrue(isDuplicate(event().sendTo(hooks)));
    }

    @Test
    void whoWaitsIsAnsweredAgain() {
        var hooks = options.build().request("*", c -> Answer.change("n", ran.incrementAndGet()));
        for (int n = 1; n < 3; n++) {
            assertEquals(Map.of("n", (long) n), TestDelivery.request("/p.S/M", 1).deliveryId("x").sendTo(hooks).json());
        }
        assertEquals(200, TestDelivery.request("/p.S/M", 1).deliveryId("x").sequence(7).sendTo(hooks).status());
        assertTrue(isDuplicate(TestDelivery.request("/p.S/M", 1).deliveryId("x").sequence(7).sendTo(hooks)));
    }

    @Test
    void samplesAreNotKept() {
        var hooks = options.build().event("*", e -> ran.incrementAndGet());
        event().test().sendTo(hooks);
        event().test().sendTo(hooks);
        assertFalse(isDuplicate(event().sendTo(hooks)));
        assertEquals(3, ran.get());
    }

    @Test
    void onlyASignedIdCounts() {
        var hooks = options.build().event("*", e -> ran.incrementAndGet());
        event().sendTo(hooks);
        var headers = event().headers().set("Callout-Delivery-Id", "another");
        assertTrue(isDuplicate(hooks.handle("POST", "/", headers, event().body())));
        var zitadel = event().headers().set("webhook-signature", null).set("Callout-Delivery-Id", null).set("webhook-id", "dlv_1");
        assertFalse(isDuplicate(hooks.handle("POST", "/", zitadel, event().body())), "without an id that decided there is no dedup");
        for (String id : new String[] {"x".repeat(256), "a b", "ä"}) {
            var odd = event().headers().set("webhook-signature", null).set("Callout-Delivery-Id", id);
            assertFalse(isDuplicate(hooks.handle("POST", "/", odd, event().body())) || isDuplicate(hooks.handle("POST", "/", odd, event().body())), id);
        }
    }

    @Test
    void ofManyAtOnceOneRuns() throws Exception {
        var begun = new CountDownLatch(1);
        var go = new CountDownLatch(1);
        var hooks = options.build().event("*", e -> {
            ran.incrementAndGet();
            begun.countDown();
            go.await();
        });
        var threads = Executors.newFixedThreadPool(16);
        try {
            var first = threads.submit(() -> event().sendTo(hooks).status());
            assertTrue(begun.await(1, TimeUnit.MINUTES));
            var others = new ArrayList<Callable<Integer>>(Collections.nCopies(100, () -> event().sendTo(hooks).status()));
            for (var other : threads.invokeAll(others)) {
                assertEquals(409, other.get());
            }
            go.countDown();
            assertEquals(204, first.get(1, TimeUnit.MINUTES));
            for (var other : threads.invokeAll(others)) {
                assertEquals(204, other.get());
            }
            assertEquals(1, ran.get());
        } finally {
            threads.shutdownNow();
        }
    }

    @Test
    void theNextAttemptMayComeRightBehindTheAnswer() {
        var receiver = new Receiver(options);
        receiver.conditions.add(Phase.EVENT, "*", d -> {
            throw new IllegalStateException();
        });
        var second = new AtomicInteger();
        var sent = event();
        receiver.take(sent.headers(), sent.body(), System.nanoTime(),
                first -> receiver.take(sent.headers(), sent.body(), System.nanoTime(), next -> second.set(next.status())));
        assertEquals(500, second.get());
    }

    @Test
    void aStoreThatFailsIsBetterLateThanTwice() {
        var calls = new ArrayList<String>();
        var broken = new AtomicInteger();
        var hooks = options.store(new Store() {
            @Override
            public boolean seen(String id) throws Exception {
                calls.add("seen " + id);
                return fail(1);
            }

            @Override
            public void done(String id) throws Exception {
                calls.add("done " + id + " after " + ran.get());
                fail(2);
            }

            private boolean fail(int at) throws Exception {
                if (broken.get() == at) {
                    throw new Exception("the store is away");
                }
                return false;
            }
        }).build().event("*", e -> ran.incrementAndGet());
        broken.set(1);
        assertEquals(503, event().sendTo(hooks).status());
        assertEquals(0, ran.get());
        broken.set(2);
        assertEquals("unavailable", event().sendTo(hooks).json().get("code"));
        broken.set(0);
        assertEquals(204, event().sendTo(hooks).status());
        assertEquals(List.of("seen dlv_1", "seen dlv_1", "done dlv_1 after 1", "seen dlv_1", "done dlv_1 after 2"), calls);
    }

    @Test
    void memoryHasBounds() throws Exception {
        var store = new MemoryStore(2, Duration.ofMillis(200));
        store.done("a");
        store.done("b");
        store.done("a");
        store.done("c");
        assertFalse(store.seen("b"), "the oldest is forgotten");
        for (long until = System.nanoTime() + 60_000_000_000L; store.seen("a") && System.nanoTime() < until;) {
            Thread.sleep(10);
        }
        assertFalse(store.seen("a"), "what is old is forgotten");
    }
}
