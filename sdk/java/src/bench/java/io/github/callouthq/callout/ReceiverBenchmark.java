package io.github.callouthq.callout;

import io.github.callouthq.callout.codec.Codec;
import io.github.callouthq.callout.codec.Jackson2Codec;
import io.github.callouthq.callout.codec.Jackson3Codec;
import io.github.callouthq.callout.codec.RecordCodec;
import io.github.callouthq.callout.http.Headers;
import io.github.callouthq.callout.http.Response;
import io.github.callouthq.callout.testing.TestDelivery;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.Warmup;

/** What a receiver adds to a handler: the check of a request of 1 KiB, its decoding, and the way to the handler and back. */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Warmup(iterations = 3, time = 2)
@Measurement(iterations = 5, time = 2)
@Fork(1)
public class ReceiverBenchmark {
    /** The codecs. */
    @Param({"record", "jackson2", "jackson3"})
    public String codec;

    private Receiver receiver;
    private Headers headers;
    private byte[] body;

    record CreateUser(String givenName, String familyName, String note) {}

    /** Makes a receiver with a handler, and a request of 1 KiB that is signed with both schemes. */
    @Setup
    public void setup() {
        Codec chosen = switch (codec) {
            case "jackson2" -> new Jackson2Codec();
            case "jackson3" -> new Jackson3Codec();
            default -> new RecordCodec();
        };
        receiver = new Receiver(Callout.builder().key(TestDelivery.KEY).codec(chosen));
        receiver.conditions.add(Phase.REQUEST, "/acme.user.v1.UserService/CreateUser", delivery -> {
            var user = new Lazy<CreateUser>(delivery, "request", CreateUser.class).get();
            return Answer.change("displayName", user.givenName() + " " + user.familyName());
        });
        var delivery = delivery("x".repeat(1024 - delivery("").body().length));
        body = delivery.body();
        headers = delivery.headers();
    }

    private static TestDelivery delivery(String note) {
        return TestDelivery.request("/acme.user.v1.UserService/CreateUser", Map.of("givenName", "Ada", "familyName", "Lovelace", "note", note)).org("acme");
    }

    /**
     * Verifies, decodes and dispatches.
     *
     * @return the answer
     */
    @Benchmark
    public Response receive() {
        var answer = new Response[1];
        receiver.take(headers, body, System.nanoTime(), response -> answer[0] = response);
        if (answer[0].status() != 200) {
            throw new IllegalStateException(answer[0].toString());
        }
        return answer[0];
    }
}
