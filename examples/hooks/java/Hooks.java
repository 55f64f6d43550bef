import io.github.callouthq.callout.Answer;
import io.github.callouthq.callout.Callout;
import io.github.callouthq.callout.Event;
import java.util.Map;

/** Four hooks of a platform: two change what it does, two learn what it did. */
final class Hooks {
    private static final String CREATE_USER = "/demo.user.v1.UserService/CreateUser";

    record User(String id, String username, String givenName, String familyName, String email, Map<String, String> metadata) {}

    record Token(User user) {}

    public static void main(String[] arguments) throws Exception {
        Callout.fromEnv()
                .request(CREATE_USER, call -> Answer.change("metadata", Map.of("department", "analytics", "costCenter", "1843")))
                .event("user.added", User.class, Hooks::added)
                .response(CREATE_USER, Map.class, User.class, call -> {
                    System.out.println("created " + call.response().id());
                    return Answer.unchanged();
                })
                .function("create_id_token", Token.class, token -> Answer.claim("uid", token.user().id()))
                .serve(Integer.parseInt(arguments[0]));
    }

    private static void added(Event<User> event) throws Exception {
        var user = event.payload();
        Directory.fromEnv().put(user); // what it throws makes the event come again
        System.out.println("user.added " + (user.id() == null ? event.aggregateId() : user.id()));
    }
}
