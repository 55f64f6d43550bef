import io.github.callouthq.callout.Answer;
import io.github.callouthq.callout.Call;
import io.github.callouthq.callout.Callout;
import io.github.callouthq.callout.Event;
import io.github.callouthq.callout.Later;
import io.github.callouthq.callout.Never;
import io.github.callouthq.callout.Reject;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;

/** The target that the conformance kit drives. Its handlers are those of schemas/conformance/README.md, section 9. */
final class Target {
    private static final String X = "/conf.v1.Things/";

    private final Map<String, Integer> counts = new ConcurrentHashMap<>();
    private final Set<String> failedOnce = ConcurrentHashMap.newKeySet();

    record Thing(String givenName, String familyName) {}

    record Count(long count) {}

    record Token(User user) {}

    record User(String id) {}

    public static void main(String[] arguments) throws Exception {
        new Target().serve(Integer.parseInt(arguments[0]));
    }

    private void serve(int port) throws Exception {
        var callout = Callout.fromEnv();
        requests(callout);
        events(callout);
        callout.response(X + "Change", Map.class, Count.class, call -> Answer.change("count", call.response().count() + 1))
                .function("create_id_token", Token.class, token -> Answer.claim("uid", token.user().id()))
                .function("counts", body -> Answer.change("counts", new TreeMap<>(counts)))
                .serve(port);
    }

    private void requests(Callout callout) {
        callout.request(X + "Change", Thing.class, Target::change)
                .request(X + "Unchanged", call -> Answer.unchanged())
                .request(X + "Reject", call -> Answer.reject(422, "a thing needs a name"))
                .request(X + "Throw", call -> {
                    throw new IllegalStateException("secret inside");
                })
                .request(X + "Hang", call -> {
                    Thread.sleep(Long.MAX_VALUE); // interrupted when the time is over
                    return null;
                })
                .request(X + "Echo", call -> Answer.change("seen", call.body()))
                .request(X + "List", call -> Answer.change(List.of(1)))
                .request("conf.v1.Things", call -> Answer.change("by", "service"))
                .request("*", call -> Answer.change("by", "all"));
    }

    private static Answer change(Call<Thing> call) {
        return Answer.change("displayName", call.request().givenName() + " " + call.request().familyName());
    }

    private void events(Callout callout) {
        callout.event("thing.added", this::count)
                .event("thing.*", this::count)
                .event("fail.always", e -> {
                    count(e);
                    throw new IllegalStateException("it fails");
                })
                .event("fail.once", e -> {
                    count(e);
                    if (failedOnce.add(e.aggregateId())) {
                        throw new IllegalStateException("it fails once");
                    }
                })
                .event("slow.thing", e -> {
                    count(e);
                    Thread.sleep(500);
                })
                .event("later.thing", e -> {
                    count(e);
                    throw new Later("not now", Duration.ofSeconds(7));
                })
                .event("never.thing", e -> {
                    count(e);
                    throw new Never("it is of no use");
                })
                .event("reject.thing", e -> {
                    count(e);
                    throw new Reject(422, "an event cannot be refused");
                });
    }

    private void count(Event<Map<String, Object>> event) {
        counts.merge(event.type() + "/" + event.aggregateId(), 1, Integer::sum);
    }
}
