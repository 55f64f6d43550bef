package io.github.callouthq.callout;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.callouthq.callout.http.Headers;
import io.github.callouthq.callout.testing.TestDelivery;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class DeadlineTest {
    private final Callout hooks = Callout.builder().key(TestDelivery.KEY).log((level, message, cause) -> { }).build();

    private static TestDelivery soon(TestDelivery delivery) {
        return delivery.remaining(Duration.ofMillis(300));
    }

    @ParameterizedTest
    @CsvSource({
        "100,90", "50,45", "2000,1900", "3600000,3599900", "3600001,9900", "0,0", "007,7", "-1,9900", "1.5,9900", "x,9900", "'',9900", "99999999999999999999,9900",
        "00000000000000000100,90"})
    void timeIsReadFromTheHeader(String text, long millis) {
        var deadline = Deadline.of(new Headers().add("Callout-Remaining-Ms", text), System.nanoTime());
        long left = deadline.remainingNanos() / 1_000_000;
        assertTrue(left <= millis && left >= Math.max(0, millis - 5000), left + " of " + millis);
        assertTrue(Deadline.of(new Headers(), System.nanoTime()).remaining().compareTo(Duration.ofMillis(9900)) <= 0);
    }

    @Test
    void theThreadIsInterrupted() throws Exception {
        var interrupted = new CompletableFuture<Boolean>();
        hooks.request("*", call -> {
            try {
                new CountDownLatch(1).await();
            } catch (InterruptedException e) {
                interrupted.complete(true);
                throw e;
            }
            return null;
        });
        var answer = soon(TestDelivery.request("/p.S/M", Map.of())).sendTo(hooks);
        assertEquals(504, answer.status());
        assertEquals("handler_timeout", answer.json().get("code"));
        assertTrue(interrupted.get(1, TimeUnit.MINUTES));
    }

    @Test
    void aHandlerThatDoesNotListenIsNotWaitedFor() throws Exception {
        var go = new AtomicBoolean();
        var ended = new CountDownLatch(1);
        hooks.event("a.b", event -> {
            while (!go.get()) {
                Thread.onSpinWait();
            }
            ended.countDown();
        });
        var event = soon(TestDelivery.event("a.b", "1", Map.of()));
        assertEquals(504, event.sendTo(hooks).status());
        assertEquals(409, event.sendTo(hooks).status(), "it runs still");
        go.set(true);
        assertTrue(ended.await(1, TimeUnit.MINUTES));
        // It has succeeded after all, so it is done.
        for (int status = 409; status != 204; status = event.sendTo(hooks).status()) {
            Thread.sleep(5);
        }
        assertEquals("true", event.sendTo(hooks).headers().get("Callout-Duplicate"));
    }

    @Test
    void noThreadIsInterruptedForAnother() throws Exception {
        hooks.request("/p.S/Slow", call -> {
            Thread.sleep(Duration.ofMinutes(1).toMillis());
            return null;
        });
        hooks.request("/p.S/Quick", call -> Answer.change("interrupted", Thread.currentThread().isInterrupted()));
        for (int n = 0; n < 20; n++) {
            assertEquals(504, TestDelivery.request("/p.S/Slow", 1).remaining(Duration.ofMillis(20)).sendTo(hooks).status());
            assertEquals(Map.of("interrupted", false), TestDelivery.request("/p.S/Quick", 1).sendTo(hooks).json());
        }
    }

    /** A handler that is late and succeeds is kept as done, which a database would not do for a thread that is interrupted. */
    @Test
    void theStoreIsNotInterrupted() throws Exception {
        var interrupted = new CompletableFuture<Boolean>();
        var late = Callout.builder().key(TestDelivery.KEY).log((level, message, cause) -> { }).store(new Store() {
            @Override
            public boolean seen(String id) {
                return false;
            }

            @Override
            public void done(String id) {
                interrupted.complete(Thread.currentThread().isInterrupted());
            }
        }).build().event("*", event -> {
            while (!Thread.currentThread().isInterrupted()) {
                Thread.onSpinWait();
            }
        });
        assertEquals(504, soon(TestDelivery.event("a.b", "1", Map.of())).sendTo(late).status());
        assertFalse(interrupted.get(1, TimeUnit.MINUTES));
    }

    @Test
    void withNoTimeNoHandlerRuns() {
        var ran = new AtomicBoolean();
        hooks.request("*", call -> {
            ran.set(true);
            return null;
        });
        assertEquals(504, TestDelivery.request("/p.S/M", 1).remaining(Duration.ZERO).sendTo(hooks).status());
        assertFalse(ran.get());
    }
}
