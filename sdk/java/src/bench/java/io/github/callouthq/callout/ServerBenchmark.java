package io.github.callouthq.callout;

import com.sun.net.httpserver.HttpServer;
import io.github.callouthq.callout.testing.TestDelivery;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Map;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.LongAdder;

/**
 * A target with 64 requests in flight, beside a bare handler of the same server that reads the body and answers the same: how many a
 * second each takes, in turns. Its clients are raw sockets, so that they take as little of the machine as they can.
 */
final class ServerBenchmark {
    private static final int IN_FLIGHT = 64;
    private static final int ROUNDS = 6;
    private static final long ROUND_NANOS = 5_000_000_000L;

    private ServerBenchmark() {}

    public static void main(String[] arguments) throws Exception {
        Server.settle();
        var receiver = Callout.builder().key(TestDelivery.KEY).build()
                .request("*", call -> Answer.change("displayName", "Ada Lovelace")).start(0);
        var bare = bare();
        var delivery = TestDelivery.request("/acme.user.v1.UserService/CreateUser", Map.of("note", "x".repeat(930)));
        var head = new StringBuilder("POST / HTTP/1.1\r\nHost: 127.0.0.1\r\n");
        delivery.headers().map().forEach((name, values) -> head.append(name).append(": ").append(values.get(0)).append("\r\n"));
        var request = (head + "\r\n" + new String(delivery.body(), StandardCharsets.UTF_8)).getBytes(StandardCharsets.UTF_8);
        System.out.println("requests of " + delivery.body().length + " bytes, " + IN_FLIGHT + " in flight");
        double best = 0;
        double sdk = 0;
        for (int round = 0; round < ROUNDS; round++) {
            double plain = perSecond(bare.getAddress().getPort(), request);
            double ours = perSecond(receiver.port(), request);
            boolean warm = round > 0; // the first one compiles
            best += warm ? plain : 0;
            sdk += warm ? ours : 0;
            System.out.printf("%-9s bare %,9.0f/s   SDK %,9.0f/s   ratio %.2f%n", warm ? "round " + round : "warm-up", plain, ours, ours / plain);
        }
        System.out.printf("mean      bare %,9.0f/s   SDK %,9.0f/s   ratio %.2f%n", best / (ROUNDS - 1), sdk / (ROUNDS - 1), sdk / best);
        receiver.close();
        bare.stop(0);
        System.exit(0);
    }

    private static HttpServer bare() throws IOException {
        var server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 1024);
        server.setExecutor(Executors.newFixedThreadPool(200));
        server.createContext("/", exchange -> {
            exchange.getRequestBody().readAllBytes();
            var answer = "{\"displayName\":\"Ada Lovelace\"}".getBytes(StandardCharsets.UTF_8);
            exchange.getResponseHeaders().set("Content-Type", "application/json");
            exchange.sendResponseHeaders(200, answer.length);
            exchange.getResponseBody().write(answer);
            exchange.close();
        });
        server.start();
        return server;
    }

    private static double perSecond(int port, byte[] request) throws Exception {
        var count = new LongAdder();
        long began = System.nanoTime();
        var clients = new ArrayList<Thread>();
        for (int n = 0; n < IN_FLIGHT; n++) {
            var client = new Thread(() -> drive(port, request, began + ROUND_NANOS, count));
            client.start();
            clients.add(client);
        }
        for (Thread client : clients) {
            client.join();
        }
        return count.sum() * 1e9 / (System.nanoTime() - began);
    }

    private static void drive(int port, byte[] request, long until, LongAdder count) {
        try (var socket = new Socket(InetAddress.getLoopbackAddress(), port)) {
            socket.setTcpNoDelay(true);
            var answer = new byte[4096];
            while (System.nanoTime() < until) {
                socket.getOutputStream().write(request);
                readAnswer(socket.getInputStream(), answer);
                count.increment();
            }
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
    }

    /** Both answers end with the one brace that they have. */
    private static void readAnswer(InputStream in, byte[] into) throws IOException {
        int length = 0;
        do {
            int read = in.read(into, length, into.length - length);
            if (read < 0) {
                throw new IOException("the connection is closed");
            }
            length += read;
        } while (into[length - 1] != '}');
        if (into[9] != '2') {
            throw new IOException(new String(into, 0, length, StandardCharsets.US_ASCII));
        }
    }
}
