package io.github.callouthq.callout;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.callouthq.callout.http.Headers;
import io.github.callouthq.callout.json.Json;
import io.github.callouthq.callout.sign.Signer;
import io.github.callouthq.callout.testing.TestDelivery;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/** The programs that the conformance kit drives, as processes. */
class ProgramsTest {
    private static Process start(String program, String... arguments) throws Exception {
        var java = Path.of(System.getProperty("java.home"), "bin", "java").toString();
        var command = new ArrayList<>(List.of(java, "-cp", "target/classes", "conformance/" + program));
        command.addAll(List.of(arguments));
        var builder = new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.DISCARD);
        builder.environment().put("CALLOUT_KEYS", TestDelivery.KEY);
        return builder.start();
    }

    @Test
    void theTargetFinishesWhatItHasBegunAndEndsWithZero() throws Exception {
        var target = start("Target.java", "0");
        try {
            var line = target.inputReader().readLine();
            assertTrue(line.matches("listening on http://127\\.0\\.0\\.1:[0-9]+"), line);
            var client = HttpClient.newHttpClient();
            var slow = client.sendAsync(post(line.substring(13), TestDelivery.event("slow.thing", "1", 1)), HttpResponse.BodyHandlers.ofString());
            var count = client.send(post(line.substring(13), TestDelivery.function("counts", Map.of())), HttpResponse.BodyHandlers.ofString());
            while (count.body().equals("{\"counts\":{}}")) { // until its handler has begun
                count = client.send(post(line.substring(13), TestDelivery.function("counts", Map.of())), HttpResponse.BodyHandlers.ofString());
            }
            target.destroy(); // SIGTERM
            assertEquals(204, slow.get(1, TimeUnit.MINUTES).statusCode());
            assertTrue(target.waitFor(1, TimeUnit.MINUTES));
            assertEquals(0, target.exitValue());
        } finally {
            target.destroyForcibly();
        }
    }

    private static HttpRequest post(String url, TestDelivery delivery) {
        var request = HttpRequest.newBuilder(URI.create(url)).timeout(Duration.ofMinutes(1)).POST(HttpRequest.BodyPublishers.ofByteArray(delivery.body()));
        delivery.headers().map().forEach((name, values) -> {
            if (!name.equalsIgnoreCase("Content-Length")) {
                values.forEach(value -> request.header(name, value));
            }
        });
        return request.build();
    }

    @Test
    void theVerifierAnswersLineByLine() throws Exception {
        var verifier = start("Verify.java");
        try {
            var body = "{}".getBytes(StandardCharsets.UTF_8);
            var headers = new Headers();
            new Signer(List.of(TestDelivery.KEY)).sign(headers, "msg_1", Instant.ofEpochSecond(1_700_000_000), body);
            var list = headers.map().entrySet().stream().map(header -> List.of(header.getKey(), header.getValue().get(0))).toList();
            var good = Map.of("id", "a", "now", 1_700_000_000, "keys", List.of(TestDelivery.KEY), "headers", list, "body", Base64.getEncoder().encodeToString(body));
            try (var out = verifier.getOutputStream()) {
                out.write(Json.write(good));
                out.write("\n{\"id\":\"b\",\"now\":1}\n".getBytes(StandardCharsets.UTF_8));
            }
            var in = verifier.inputReader();
            assertEquals("{\"id\":\"a\",\"ok\":true,\"delivery_id\":\"msg_1\",\"body\":\"e30=\"}", in.readLine());
            assertEquals("{\"id\":\"b\",\"ok\":false}", in.readLine());
            assertTrue(verifier.waitFor(1, TimeUnit.MINUTES));
        } finally {
            verifier.destroyForcibly();
        }
    }
}
