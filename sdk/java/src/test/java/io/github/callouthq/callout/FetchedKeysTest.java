package io.github.callouthq.callout;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.net.httpserver.HttpServer;
import io.github.callouthq.callout.http.Headers;
import io.github.callouthq.callout.sign.JoseKey;
import io.github.callouthq.callout.sign.KeysUnavailableException;
import io.github.callouthq.callout.sign.NotGenuineException;
import io.github.callouthq.callout.sign.Verifier;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

class FetchedKeysTest {
    private static final Instant NOW = Instant.ofEpochSecond(1_700_000_000);
    private static final String PAYLOAD = "{\"iat\":1700000000,\"exp\":1700000300}";

    @Test
    void aSetIsFetchedKeptAndFetchedAgain() throws Exception {
        Server.settle(); // this test makes the first server of the process, and the JDK asks for the bounds of all once
        var first = JoseKey.signing("EdDSA", "k1");
        var fetched = new AtomicInteger();
        var status = new AtomicInteger(503);
        var server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        server.createContext("/", exchange -> {
            fetched.incrementAndGet();
            var body = first.jwks().getBytes(StandardCharsets.UTF_8);
            exchange.getResponseHeaders().set("Cache-Control", "public, max-age=60");
            exchange.sendResponseHeaders(status.get(), body.length);
            exchange.getResponseBody().write(body);
            exchange.close();
        });
        server.start();
        try {
            var url = "http://127.0.0.1:" + server.getAddress().getPort() + "/jwks";
            var verifier = new Verifier(new Verifier.Options(List.of(), Set.of(), null, url, Verifier.Payload.JWT, "", "", Map.of(), false));
            var jwt = first.sign("{\"alg\":\"EdDSA\",\"kid\":\"k1\",\"typ\":\"JWT\"}", PAYLOAD).getBytes(StandardCharsets.UTF_8);
            assertThrows(KeysUnavailableException.class, () -> verifier.verify(new Headers(), jwt, NOW));
            status.set(200);
            long since = System.nanoTime();
            while (true) { // a failure is told for a second
                try {
                    verifier.verify(new Headers(), jwt, NOW);
                    break;
                } catch (KeysUnavailableException e) {
                    Thread.sleep(20);
                }
            }
            int kept = fetched.get();
            verifier.verify(new Headers(), jwt, NOW);
            var unknown = first.sign("{\"alg\":\"EdDSA\",\"kid\":\"k2\",\"typ\":\"JWT\"}", PAYLOAD).getBytes(StandardCharsets.UTF_8);
            assertThrows(NotGenuineException.class, () -> verifier.verify(new Headers(), unknown, NOW));
            if (System.nanoTime() - since < 9_000_000_000L) { // on a machine that stands still for longer nothing is told
                assertEquals(kept, fetched.get(), "kept, and not fetched again within ten seconds for a kid that is unknown");
            }
        } finally {
            server.stop(0);
        }
    }

    @Test
    void nobodyWaitsForAStrangersKey() throws Exception {
        Server.settle();
        var first = JoseKey.signing("EdDSA", "k1");
        var asked = new AtomicInteger();
        var goOn = new CountDownLatch(1);
        var server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        server.createContext("/", exchange -> {
            if (asked.incrementAndGet() > 1) {
                try {
                    goOn.await();
                } catch (InterruptedException e) {
                    Thread.currentThread().interrupt();
                }
            }
            var body = first.jwks().getBytes(StandardCharsets.UTF_8);
            exchange.sendResponseHeaders(200, body.length);
            exchange.getResponseBody().write(body);
            exchange.close();
        });
        server.start();
        try {
            var url = "http://127.0.0.1:" + server.getAddress().getPort() + "/jwks";
            var verifier = new Verifier(new Verifier.Options(List.of(), Set.of(), null, url, Verifier.Payload.JWT, "", "", Map.of(), false));
            var jwt = first.sign("{\"alg\":\"EdDSA\",\"kid\":\"k1\",\"typ\":\"JWT\"}", PAYLOAD).getBytes(StandardCharsets.UTF_8);
            var unknown = first.sign("{\"alg\":\"EdDSA\",\"kid\":\"k2\",\"typ\":\"JWT\"}", PAYLOAD).getBytes(StandardCharsets.UTF_8);
            verifier.verify(new Headers(), jwt, NOW);
            Thread.sleep(10_100); // an unknown kid has them fetched again no sooner
            var stranger = new Thread(() -> assertThrows(Exception.class, () -> verifier.verify(new Headers(), unknown, NOW)));
            stranger.start();
            while (asked.get() < 2) {
                Thread.sleep(5);
            }
            long since = System.nanoTime();
            verifier.verify(new Headers(), jwt, NOW);
            long took = System.nanoTime() - since;
            goOn.countDown();
            stranger.join();
            assertTrue(took < 4_000_000_000L, "a key that is here was waited for"); // the fetch ends behind 5 s
        } finally {
            goOn.countDown();
            server.stop(0);
        }
    }
}
