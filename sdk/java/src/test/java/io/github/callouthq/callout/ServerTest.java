package io.github.callouthq.callout;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.callouthq.callout.testing.TestDelivery;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.net.ConnectException;
import java.net.InetAddress;
import java.net.Socket;
import java.net.SocketException;
import java.net.BindException;
import java.net.URI;
import java.net.UnknownHostException;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class ServerTest {
    private final CountDownLatch begun = new CountDownLatch(1);
    private final CountDownLatch go = new CountDownLatch(1);
    private final HttpClient client = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
    private Server server;

    @BeforeEach
    void start() throws Exception {
        server = Callout.builder().key(TestDelivery.KEY).log((level, message, cause) -> { }).build()
                .request("/p.S/Echo", call -> Answer.change("seen", call.body()))
                .event("slow", event -> {
                    begun.countDown();
                    go.await();
                })
                .start(0);
    }

    @AfterEach
    void stop() {
        go.countDown();
        server.close();
    }

    @Test
    void aPortThatIsTakenIsNamed() {
        var second = Callout.builder().key(TestDelivery.KEY).build();
        var refused = assertThrows(BindException.class, () -> second.start(server.port()));
        assertTrue(refused.getMessage().startsWith("port " + server.port() + ": "), refused.getMessage());
    }

    @Test
    void anAddressCanBeChosen() throws Exception {
        assertTrue(server.address().getAddress().isAnyLocalAddress(), "all of the machine, unless one is named");
        assertEquals("http://127.0.0.1:" + server.port(), server.url());
        try (var one = Callout.builder().key(TestDelivery.KEY).build().start(0, "127.0.0.2")) {
            var health = HttpRequest.newBuilder(URI.create(one.url() + "/healthz")).timeout(Duration.ofMinutes(1)).build();
            assertEquals("http://127.0.0.2:" + one.port() + "/healthz", health.uri().toString());
            assertEquals(200, send(health).statusCode());
            var elsewhere = HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + one.port() + "/healthz")).build();
            assertThrows(ConnectException.class, () -> send(elsewhere), "there alone");
            var again = assertThrows(BindException.class, () -> Callout.builder().key(TestDelivery.KEY).build().start(one.port(), "127.0.0.2"));
            assertTrue(again.getMessage().startsWith("127.0.0.2 port " + one.port() + ": "), again.getMessage());
        }
        assertThrows(UnknownHostException.class, () -> Callout.builder().key(TestDelivery.KEY).build().start(0, "[no address]"));
    }

    private HttpRequest.Builder to(String path) {
        return HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + server.port() + path)).timeout(Duration.ofMinutes(1));
    }

    private HttpRequest post(TestDelivery delivery) {
        var out = to("/any").POST(HttpRequest.BodyPublishers.ofByteArray(delivery.body()));
        delivery.headers().map().forEach((name, values) -> {
            if (!name.equalsIgnoreCase("Content-Length")) {
                values.forEach(value -> out.header(name, value));
            }
        });
        return out.build();
    }

    private HttpResponse<String> send(HttpRequest request) throws Exception {
        return client.send(request, HttpResponse.BodyHandlers.ofString());
    }

    private String raw(String request) throws Exception {
        try (var socket = new Socket(InetAddress.getLoopbackAddress(), server.port())) {
            socket.setSoTimeout(60_000);
            socket.getOutputStream().write(request.getBytes(StandardCharsets.ISO_8859_1));
            return new BufferedReader(new InputStreamReader(socket.getInputStream(), StandardCharsets.ISO_8859_1)).readLine();
        } catch (SocketException e) {
            return null; // it is cut
        }
    }

    @Test
    void requestsAreAnswered() throws Exception {
        var delivery = TestDelivery.request("/p.S/Echo", Map.of("text", "ä€😀", "big", 9007199254740993L));
        var answer = send(post(delivery));
        assertEquals(200, answer.statusCode());
        assertArrayEquals(("{\"seen\":" + new String(delivery.body(), StandardCharsets.UTF_8) + "}").getBytes(StandardCharsets.UTF_8), answer.body().getBytes(StandardCharsets.UTF_8));
        assertEquals("application/json", answer.headers().firstValue("Content-Type").orElseThrow());
        assertEquals("{\"status\":\"ok\"}", send(to("/healthz").build()).body());
        var get = send(to("/").build());
        assertEquals(405, get.statusCode());
        assertEquals("POST", get.headers().firstValue("Allow").orElseThrow());
    }

    @Test
    void aLongBodyIsRefusedWithAnAnswer() throws Exception {
        var large = new byte[3 << 20];
        var known = to("/").header("Content-Type", "application/json").POST(HttpRequest.BodyPublishers.ofByteArray(large)).build();
        assertEquals(413, send(known).statusCode());
        var chunked = to("/").header("Content-Type", "application/json")
                .POST(HttpRequest.BodyPublishers.ofInputStream(() -> new java.io.ByteArrayInputStream(large))).build();
        assertEquals(413, send(chunked).statusCode());
        assertEquals(200, send(post(TestDelivery.request("/p.S/Echo", 1))).statusCode(), "it goes on");
    }

    @Test
    void whatComesTooSlowlyOrIsTooLargeIsCut() throws Exception {
        var head = "POST / HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 10\r\n";
        assertEquals(null, raw(head + "\r\n1"), "half a body");
        assertEquals(null, raw(head + "X: " + "a".repeat(70_000) + "\r\n\r\n0123456789"), "headers of more than 64 KiB");
        assertEquals("HTTP/1.1 401 Unauthorized", raw(head + "X: " + "a".repeat(60_000) + "\r\n\r\n0123456789"));
    }

    @Test
    void whatIsUnderWayIsFinished() throws Exception {
        var first = client.sendAsync(post(TestDelivery.event("slow", "1", 1)), HttpResponse.BodyHandlers.ofString());
        assertTrue(begun.await(1, TimeUnit.MINUTES));
        var closing = CompletableFuture.runAsync(server::close);
        HttpResponse<String> health;
        do {
            health = send(to("/healthz").build());
        } while (health.statusCode() == 200);
        assertEquals("{\"status\":\"draining\"}", health.body());
        var second = send(post(TestDelivery.request("/p.S/Echo", 1)));
        assertEquals(503, second.statusCode());
        assertTrue(second.body().startsWith("{\"code\":\"unavailable\","), second.body());
        go.countDown();
        assertEquals(204, first.get(1, TimeUnit.MINUTES).statusCode());
        closing.get(1, TimeUnit.MINUTES);
    }
}
