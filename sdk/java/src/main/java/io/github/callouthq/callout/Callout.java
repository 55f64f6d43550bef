package io.github.callouthq.callout;

import io.github.callouthq.callout.http.Headers;
import io.github.callouthq.callout.http.Response;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.SynchronousQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;

/**
 * A receiver of Callout: it checks that a request is genuine, finds the handler, calls it under a deadline, and writes the
 * answer.
 *
 * <pre>{@code
 * Callout.fromEnv()
 *     .request("/acme.user.v1.UserService/CreateUser", CreateUser.class, call -> {
 *         if (call.request().email() == null) return Answer.reject(422, "an e-mail address is needed");
 *         return Answer.change("displayName", call.request().first() + " " + call.request().last());
 *     })
 *     .event("user.*", UserAdded.class, e -> store(e.payload()))
 *     .function("create_id_token", TokenContext.class, t -> Answer.claim("uid", t.user().id()))
 *     .serve(9000);
 * }</pre>
 *
 * <p>A handler stands under a condition; the most exact one that covers what came runs, alone. Its answer: a change is merged into the
 * object, null or {@link Answer#unchanged()} leaves it, {@link Answer#reject} refuses. An exception fails a call, and makes
 * an event come again. Types are those of the codec: records, unless another one is chosen; a type of Map needs none.
 * Handlers may be added at any time. All methods may be called by several threads.
 */
public final class Callout implements AutoCloseable {
    private static final int MOST_HANDLED = 1000;

    private final Receiver receiver;
    private final int threads;
    private final ThreadPoolExecutor handlers = new ThreadPoolExecutor(
            0, MOST_HANDLED, 10, TimeUnit.SECONDS, new SynchronousQueue<>(), Threads.daemons("callout-handler"));

    Callout(CalloutBuilder options) {
        receiver = new Receiver(options);
        threads = options.threads;
    }

    /**
     * Makes a receiver by what the environment says; see {@link CalloutBuilder#env}.
     *
     * @return it, without a handler
     * @throws IllegalArgumentException if there is no key, or one is none
     */
    public static Callout fromEnv() {
        return builder().env(System.getenv()).build();
    }

    /**
     * Begins a receiver with options of your own.
     *
     * @return the options
     */
    public static CalloutBuilder builder() {
        return new CalloutBuilder();
    }

    /**
     * Handles a request.
     *
     * @param <Q>       the type of the request
     * @param condition {@code /pkg.Service/Method}, {@code pkg.Service} or {@code *}
     * @param type      the type of the request
     * @param handler   the handler
     * @return this
     * @throws IllegalArgumentException if that is no condition, or has a handler
     */
    public <Q> Callout request(String condition, Class<Q> type, CallHandler<Q> handler) {
        return on(Phase.REQUEST, condition, d -> handler.handle(new Call<>(d, new Lazy<>(d, "request", type))));
    }

    /**
     * Handles a request as a map.
     *
     * @param condition {@code /pkg.Service/Method}, {@code pkg.Service} or {@code *}
     * @param handler   the handler
     * @return this
     * @throws IllegalArgumentException if that is no condition, or has a handler
     */
    public Callout request(String condition, CallHandler<Map<String, Object>> handler) {
        return on(Phase.REQUEST, condition, d -> handler.handle(new Call<>(d, new Lazy<>(d, "request", Map.class))));
    }

    /**
     * Handles a response.
     *
     * @param <Q>       the type of the request
     * @param <R>       the type of the response
     * @param condition {@code /pkg.Service/Method}, {@code pkg.Service} or {@code *}
     * @param request   the type of the request
     * @param response  the type of the response
     * @param handler   the handler
     * @return this
     * @throws IllegalArgumentException if that is no condition, or has a handler
     */
    public <Q, R> Callout response(String condition, Class<Q> request, Class<R> response, ResponseHandler<Q, R> handler) {
        return on(Phase.RESPONSE, condition,
                d -> handler.handle(new ResponseCall<>(d, new Lazy<>(d, "request", request), new Lazy<>(d, "response", response))));
    }

    /**
     * Handles a response as a map.
     *
     * @param condition {@code /pkg.Service/Method}, {@code pkg.Service} or {@code *}
     * @param handler   the handler
     * @return this
     * @throws IllegalArgumentException if that is no condition, or has a handler
     */
    public Callout response(String condition, ResponseHandler<Map<String, Object>, Map<String, Object>> handler) {
        return on(Phase.RESPONSE, condition,
                d -> handler.handle(new ResponseCall<>(d, new Lazy<>(d, "request", Map.class), new Lazy<>(d, "response", Map.class))));
    }

    /**
     * Handles a function.
     *
     * @param <T>     the type of the body
     * @param name    its name, with or without {@code function/} before it
     * @param type    the type of the body
     * @param handler the handler
     * @return this
     * @throws IllegalArgumentException if that is no name, or has a handler
     */
    public <T> Callout function(String name, Class<T> type, FunctionHandler<T> handler) {
        return on(Phase.FUNCTION, name, d -> handler.handle(d.<T>read(type)));
    }

    /**
     * Handles a function, with what is known about its delivery.
     *
     * @param <T>     the type of the body
     * @param name    its name, with or without {@code function/} before it
     * @param type    the type of the body
     * @param handler the handler
     * @return this
     * @throws IllegalArgumentException if that is no name, or has a handler
     */
    public <T> Callout function(String name, Class<T> type, FunctionDeliveryHandler<T> handler) {
        return on(Phase.FUNCTION, name, d -> handler.handle(d.<T>read(type), d));
    }

    /**
     * Handles a function as a map.
     *
     * @param name    its name, with or without {@code function/} before it
     * @param handler the handler
     * @return this
     * @throws IllegalArgumentException if that is no name, or has a handler
     */
    public Callout function(String name, FunctionHandler<Map<String, Object>> handler) {
        return on(Phase.FUNCTION, name, d -> handler.handle(d.body()));
    }

    /**
     * Takes events.
     *
     * @param <P>       the type of the payload
     * @param condition a type, a group such as {@code user.*}, or {@code *}
     * @param type      the type of the payload
     * @param handler   the handler
     * @return this
     * @throws IllegalArgumentException if that is no condition, or has a handler
     */
    public <P> Callout event(String condition, Class<P> type, EventHandler<P> handler) {
        return on(Phase.EVENT, condition, d -> {
            handler.handle(new Event<>(d, new Lazy<>(d, "event_payload", type)));
            return null;
        });
    }

    /**
     * Takes events as maps.
     *
     * @param condition a type, a group such as {@code user.*}, or {@code *}
     * @param handler   the handler
     * @return this
     * @throws IllegalArgumentException if that is no condition, or has a handler
     */
    public Callout event(String condition, EventHandler<Map<String, Object>> handler) {
        return on(Phase.EVENT, condition, d -> {
            handler.handle(new Event<>(d, new Lazy<>(d, "event_payload", Map.class)));
            return null;
        });
    }

    private Callout on(Phase phase, String condition, Invocation handler) {
        receiver.conditions.add(phase, condition, handler);
        return this;
    }

    /**
     * Takes a request of any server: an ordinary handler of a framework calls this. The handler runs in another thread, and when
     * its time is over this returns 504 without it.
     *
     * @param method  the method, such as {@code POST}
     * @param path    the path, without a query
     * @param headers the headers; their names have no case
     * @param body    the body as it came, not parsed and written again; null if there is none
     * @return the answer
     */
    public Response handle(String method, String path, Map<String, ? extends Iterable<String>> headers, byte[] body) {
        return handle(method, path, Headers.of(headers), body == null ? new byte[0] : body);
    }

    /**
     * Takes a request of any server, as {@link #handle(String, String, Map, byte[])} does.
     *
     * @param method  the method
     * @param path    the path, without a query
     * @param headers the headers
     * @param body    the body as it came
     * @return the answer
     */
    public Response handle(String method, String path, Headers headers, byte[] body) {
        long began = System.nanoTime();
        var early = before(method, path, headers);
        if (early != null) {
            return early;
        }
        if (body.length > receiver.maxBody) {
            return Replies.TOO_LARGE;
        }
        if (isShort(headers.one("Content-Length"), body.length)) {
            return receiver.consumed("give handle the bytes as they came, such as @RequestBody byte[], and let no filter before it read them");
        }
        var answer = new CompletableFuture<Response>();
        try {
            handlers.execute(() -> receiver.take(headers, body, began, answer::complete));
        } catch (RejectedExecutionException e) {
            receiver.log.write(System.Logger.Level.ERROR, "all " + MOST_HANDLED + " threads of handlers are busy", null);
            return Replies.UNAVAILABLE;
        }
        return answer.join();
    }

    /** Tells whether a body is shorter than it was said to be, so that somebody has read of it. */
    private static boolean isShort(String said, int length) {
        return said != null && said.matches("[0-9]{1,18}") && Long.parseLong(said) > length;
    }

    /**
     * Checks what stands before the body, for an adapter that then reads it.
     *
     * @param method  the method
     * @param path    the path, without a query
     * @param headers the headers
     * @return an answer if the body need not be read, else null
     */
    public Response before(String method, String path, Headers headers) {
        return receiver.before(method, path, headers);
    }

    /**
     * Tells how long a body is at most, for an adapter that reads it: give {@link #handle} one byte more where there is more.
     *
     * @return bytes
     */
    public int maxBody() {
        return receiver.maxBody;
    }

    /**
     * Says that a body is longer than is taken, for an adapter that knows it before it reads.
     *
     * @return 413 with {@code body_too_large}
     */
    public Response tooLarge() {
        return Replies.TOO_LARGE;
    }

    /**
     * Says that something before an adapter has read the body: writes to the log, and gives the answer.
     *
     * @param fix what helps
     * @return 500 with {@code body_consumed}
     */
    public Response consumed(String fix) {
        return receiver.consumed(fix);
    }

    /**
     * Starts a server, and goes on. It answers {@code /healthz} too, on all addresses of the machine.
     *
     * @param port where it listens, 0 for any that is free
     * @return the server
     * @throws IOException if it cannot listen there
     */
    public Server start(int port) throws IOException {
        return new Server(receiver, new InetSocketAddress(port), threads);
    }

    /**
     * Starts a server on one address, and goes on.
     *
     * @param port where it listens, 0 for any that is free
     * @param host an address of this machine or its name, such as {@code 127.0.0.1}: who is elsewhere does not reach that
     * @return the server
     * @throws IOException if it cannot listen there
     */
    public Server start(int port, String host) throws IOException {
        return new Server(receiver, new InetSocketAddress(Objects.requireNonNull(host), port), threads);
    }

    /**
     * Serves until SIGTERM or SIGINT: then nothing more is taken, what has begun is finished, for 10 seconds at most, and the
     * process ends with 0. Before, one line that names the address is written to the standard output. It listens on all
     * addresses of the machine.
     *
     * @param port where it listens, 0 for any that is free
     * @throws IOException if it cannot listen there
     */
    public void serve(int port) throws IOException {
        serve(start(port));
    }

    /**
     * Serves on one address, and else as {@link #serve(int)} does.
     *
     * @param port where it listens, 0 for any that is free
     * @param host an address of this machine or its name, such as {@code 127.0.0.1}: who is elsewhere does not reach that
     * @throws IOException if it cannot listen there
     */
    public void serve(int port, String host) throws IOException {
        serve(start(port, host));
    }

    private static void serve(Server server) {
        System.out.println("listening on " + server.url());
        System.out.flush();
        server.untilSignalled();
    }

    /** Takes nothing more: everything is answered 503. What has begun goes on. */
    public void drain() {
        receiver.drain();
    }

    /** Takes nothing more, and frees the threads. What has begun has no deadline any more. */
    @Override
    public void close() {
        receiver.close();
        handlers.shutdown();
    }
}
