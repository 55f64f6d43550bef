import io.github.callouthq.callout.http.Headers;
import io.github.callouthq.callout.json.Json;
import io.github.callouthq.callout.sign.Jwks;
import io.github.callouthq.callout.sign.KeysUnavailableException;
import io.github.callouthq.callout.sign.NotGenuineException;
import io.github.callouthq.callout.sign.Scheme;
import io.github.callouthq.callout.sign.Verifier;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.Base64;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;

/** The verifier that the conformance kit drives: one case a line in, one answer a line out. */
final class Verify {
    private final Map<String, Object> one;

    private Verify(Map<String, Object> one) {
        this.one = one;
    }

    public static void main(String[] arguments) throws Exception {
        var in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        var out = new PrintStream(System.out, true, StandardCharsets.UTF_8);
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            if (!line.isBlank()) {
                var answer = new Verify(Json.readObject(line.getBytes(StandardCharsets.UTF_8))).answer();
                out.println(new String(Json.write(answer), StandardCharsets.UTF_8));
            }
        }
    }

    private Map<String, Object> answer() {
        var out = new LinkedHashMap<String, Object>();
        out.put("id", one.get("id"));
        try {
            var now = Instant.ofEpochSecond(((Number) one.getOrDefault("now", 0L)).longValue());
            var verified = new Verifier(options()).verify(headers(), Base64.getDecoder().decode(text("body")), now);
            out.put("ok", true);
            if (!verified.deliveryId().isEmpty()) {
                out.put("delivery_id", verified.deliveryId());
            }
            out.put("body", Base64.getEncoder().encodeToString(verified.body()));
        } catch (NotGenuineException | KeysUnavailableException | IllegalArgumentException e) {
            out.put("ok", false);
        }
        return out;
    }

    private Verifier.Options options() {
        var payload = text("payload").isEmpty() ? Verifier.Payload.JSON : Verifier.Payload.valueOf(text("payload").toUpperCase(Locale.ROOT));
        var privateKeys = new LinkedHashMap<String, String>();
        members("private_keys").forEach((kid, pem) -> privateKeys.put(kid, (String) pem));
        var jwks = members("jwks").isEmpty() ? null : Jwks.parse(Json.write(one.get("jwks")));
        var keys = list("keys").stream().map(String.class::cast).toList();
        return new Verifier.Options(keys, schemes(), jwks, null, payload, text("issuer"), text("audience"), privateKeys, false);
    }

    private Set<Scheme> schemes() {
        var out = new HashSet<Scheme>();
        list("schemes").forEach(name -> out.add(Scheme.valueOf(name.toString().toUpperCase(Locale.ROOT))));
        return out;
    }

    private Headers headers() {
        var out = new Headers();
        for (Object pair : list("headers")) {
            var header = (List<?>) pair;
            out.add((String) header.get(0), (String) header.get(1));
        }
        return out;
    }

    private String text(String member) {
        return one.get(member) instanceof String text ? text : "";
    }

    private List<?> list(String member) {
        return one.get(member) instanceof List<?> list ? list : List.of();
    }

    @SuppressWarnings("unchecked")
    private Map<String, Object> members(String member) {
        return one.get(member) instanceof Map<?, ?> map ? (Map<String, Object>) map : Map.of();
    }
}
