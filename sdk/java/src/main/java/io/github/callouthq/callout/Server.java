package io.github.callouthq.callout;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import io.github.callouthq.callout.http.Headers;
import io.github.callouthq.callout.http.Response;
import java.io.IOException;
import java.io.InputStream;
import java.net.BindException;
import java.net.InetSocketAddress;
import java.net.UnknownHostException;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/** A receiver that listens, by the server of the JDK. Its methods may be called by several threads. */
public final class Server implements AutoCloseable {
    private static final long DRAIN_NANOS = 10_000_000_000L;
    private static final int BACKLOG = 1024;
    private static final long PASSED_OVER = 16 << 20; // bytes

    // The JDK takes these for all its servers in the process, when the first one is made. What is set already stays.
    private static final Map<String, String> SETTINGS = Map.of(
            "sun.net.httpserver.maxReqHeaderSize", "65536", // bytes
            "sun.net.httpserver.maxReqTime", "10", // seconds for headers and body
            "sun.net.httpserver.nodelay", "true"); // else an answer may wait 40 ms for an acknowledgement

    private final Receiver receiver;
    private final HttpServer http;
    private final ThreadPoolExecutor pool;
    private final AtomicInteger open = new AtomicInteger();
    private final CountDownLatch closed = new CountDownLatch(1);

    Server(Receiver receiver, InetSocketAddress address, int threads) throws IOException {
        settle();
        this.receiver = receiver;
        pool = new ThreadPoolExecutor(threads, threads, 30, TimeUnit.SECONDS, new LinkedBlockingQueue<>(), Threads.daemons("callout-http"));
        pool.allowCoreThreadTimeOut(true);
        http = listen(address);
        http.setExecutor(pool);
        http.createContext("/", this::serve);
        http.start();
    }

    /** Listens. The JDK's own message does not say where it could not. */
    private static HttpServer listen(InetSocketAddress address) throws IOException {
        if (address.isUnresolved()) {
            throw new UnknownHostException("the server is to listen on " + address.getHostString() + ", which is no address of this machine");
        }
        try {
            return HttpServer.create(address, BACKLOG);
        } catch (BindException e) {
            var where = address.getAddress().isAnyLocalAddress() ? "" : address.getHostString() + " ";
            var told = new BindException(where + "port " + address.getPort() + ": " + e.getMessage());
            told.initCause(e);
            throw told;
        }
    }

    /** Tells the JDK the bounds of its servers, which it asks for once. */
    static void settle() {
        SETTINGS.forEach((name, value) -> {
            if (System.getProperty(name) == null) {
                System.setProperty(name, value);
            }
        });
    }

    /**
     * Tells where it listens.
     *
     * @return the port
     */
    public int port() {
        return http.getAddress().getPort();
    }

    /**
     * Tells where it listens.
     *
     * @return the address, which is {@code 0.0.0.0} or {@code ::} where that is all of the machine
     */
    public InetSocketAddress address() {
        return http.getAddress();
    }

    /** Gives a URL that this machine reaches, of a server on all addresses too. */
    String url() {
        var address = http.getAddress().getAddress();
        var host = address.isAnyLocalAddress() ? "127.0.0.1" : address.getHostAddress();
        return "http://" + (host.contains(":") ? "[" + host + "]" : host) + ":" + port();
    }

    private void serve(HttpExchange exchange) throws IOException {
        long began = System.nanoTime();
        open.incrementAndGet();
        var path = exchange.getRequestURI().getPath();
        var method = exchange.getRequestMethod();
        if (method.equals("GET") && "/healthz".equals(path)) {
            answer(exchange, receiver.isDraining() ? Replies.DRAINING : Replies.HEALTHY);
            return;
        }
        var headers = Headers.of(exchange.getRequestHeaders());
        var early = receiver.before(method, path, headers);
        if (early != null) {
            answer(exchange, early);
            return;
        }
        byte[] body;
        try {
            body = read(exchange, headers);
        } catch (IOException e) {
            open.decrementAndGet(); // nobody is there any more
            throw e;
        }
        if (body == null) {
            answer(exchange, Replies.TOO_LARGE);
            return;
        }
        receiver.take(headers, body, began, response -> answer(exchange, response));
    }

    /** Reads the body, or gives null if it is too long, of which no more is read. */
    private byte[] read(HttpExchange exchange, Headers headers) throws IOException {
        var length = headers.one("Content-Length");
        if (length != null && length.length() < 19 && Long.parseLong(length.trim()) > receiver.maxBody) {
            return null;
        }
        var body = exchange.getRequestBody().readNBytes(receiver.maxBody + 1);
        return body.length > receiver.maxBody ? null : body;
    }

    private void answer(HttpExchange exchange, Response response) {
        try {
            var headers = exchange.getResponseHeaders();
            response.headers().forEach(headers::set);
            boolean bare = response.body().length == 0 || exchange.getRequestMethod().equals("HEAD");
            exchange.sendResponseHeaders(response.status(), bare ? -1 : response.body().length);
            if (!bare) {
                var out = exchange.getResponseBody();
                out.write(response.body());
                out.flush();
            }
            if (response.status() >= 400) {
                passOver(exchange.getRequestBody());
            }
        } catch (IOException e) {
            // Nobody is there any more to be answered.
        } finally {
            exchange.close();
            open.decrementAndGet();
        }
    }

    /** A connection that is closed on a client that still writes loses the answer, so some of what comes is taken and dropped. */
    private void passOver(InputStream rest) throws IOException {
        var dropped = new byte[8192];
        long left = PASSED_OVER;
        for (int n = rest.read(dropped); n >= 0 && left > 0; n = rest.read(dropped)) {
            left -= n;
        }
    }

    /** Waits for a signal, closes, and ends the process with 0. */
    void untilSignalled() {
        Signals.onEnd(() -> {
            close();
            System.exit(0);
        });
        try {
            closed.await();
        } catch (InterruptedException e) {
            close();
            Thread.currentThread().interrupt();
        }
    }

    /** Takes nothing more, finishes what has begun, for 10 seconds at most, and stops listening. */
    @Override
    public void close() {
        receiver.drain();
        long until = System.nanoTime() + DRAIN_NANOS;
        try {
            while ((open.get() > 0 || receiver.underWay() > 0) && System.nanoTime() < until) {
                Thread.sleep(5);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        http.stop(0);
        pool.shutdownNow();
        receiver.close();
        closed.countDown();
    }
}
