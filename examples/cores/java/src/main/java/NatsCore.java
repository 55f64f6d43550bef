import com.fasterxml.jackson.databind.*;
import io.nats.client.*;
import java.time.Duration;
import java.util.Map;

/** A core over NATS: calls are requests, events are published into their stream. */
public class NatsCore {
  static final String METHOD = "/acme.user.v1.UserService/CreateUser";
  static final String SUBJECT = "callout.call.default.request.acme.user.v1.UserService.CreateUser";

  public static void main(String[] args) throws Exception {
    var json = new ObjectMapper();
    try (var nc = Nats.connect(System.getenv().getOrDefault("CALLOUT_NATS", "nats://127.0.0.1:4222"))) {
      for (var sent : new Map[] {Map.of("id", "u1", "givenName", "Ada", "familyName", "Lovelace"), Map.of("id", "u2", "familyName", "Lovelace")}) {
        var call = json.writeValueAsBytes(Map.of("fullMethod", METHOD, "request", sent));
        var reply = json.readTree(nc.request(SUBJECT, call, Duration.ofSeconds(30)).getData());
        if (reply.path("outcome").asText().equals("continue")) { // without one the call was none: see the header Callout-Status
          JsonNode user = reply.has("request") ? reply.get("request") : json.valueToTree(sent); // left out where nothing changed
          System.out.println("created: " + user.path("displayName").asText());
          var event = json.writeValueAsBytes(Map.of("aggregateID", user.path("id"), "event_type", "user.added", "event_payload", user));
          nc.jetStream().publish("callout.event.default.=." + user.path("id").asText() + ".user.added", event);
          System.out.println("stored: " + user.path("id").asText());
        } else System.out.println("refused: " + reply.at("/error/status") + " " + reply.at("/error/message").asText());
      }
    }
  }
}
