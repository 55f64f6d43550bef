import com.fasterxml.jackson.databind.*;
import java.net.URI;
import java.net.http.*;
import java.util.Map;

/** A core over HTTP: it asks Callout before it makes a user, and tells it afterwards. */
public class HttpCore {
  static final ObjectMapper JSON = new ObjectMapper();
  static final String CALLOUT = System.getenv().getOrDefault("CALLOUT_SERVER", "http://127.0.0.1:8080") + "/v1/instances/default";

  static JsonNode post(String path, Object message) throws Exception {
    var request = HttpRequest.newBuilder(URI.create(CALLOUT + path)).header("Content-Type", "application/json")
        .POST(HttpRequest.BodyPublishers.ofString(JSON.writeValueAsString(message))).build();
    var answer = HttpClient.newHttpClient().send(request, HttpResponse.BodyHandlers.ofString());
    if (answer.statusCode() > 299) throw new IllegalStateException(answer.statusCode() + " " + answer.body());
    return JSON.readTree(answer.body());
  }

  public static void main(String[] args) throws Exception {
    for (var sent : new Map[] {Map.of("id", "u1", "givenName", "Ada", "familyName", "Lovelace"), Map.of("id", "u2", "familyName", "Lovelace")}) {
      var reply = post("/calls/request", Map.of("fullMethod", "/acme.user.v1.UserService/CreateUser", "request", sent));
      if (reply.path("outcome").asText().equals("continue")) {
        JsonNode user = reply.has("request") ? reply.get("request") : JSON.valueToTree(sent); // left out where nothing changed
        System.out.println("created: " + user.path("displayName").asText());
        post("/events", Map.of("aggregateID", user.path("id"), "event_type", "user.added", "event_payload", user));
        System.out.println("stored: " + user.path("id").asText());
      } else System.out.println("refused: " + reply.at("/error/status") + " " + reply.at("/error/message").asText());
    }
  }
}
