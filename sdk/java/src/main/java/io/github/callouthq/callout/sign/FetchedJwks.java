package io.github.callouthq.callout.sign;

import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.regex.Pattern;

/** A set of keys that is fetched, and kept for what {@code Cache-Control} says. */
final class FetchedJwks implements JwksSource {
    private static final Duration TIMEOUT = Duration.ofSeconds(5);
    private static final long DEFAULT_SECONDS = 300;
    private static final long MAX_SECONDS = 3600;
    private static final long AGAIN_NANOS = 10_000_000_000L;
    // For so long after a failure nobody else waits for the same.
    private static final long FAILED_NANOS = 1_000_000_000L;
    private static final Pattern MAX_AGE = Pattern.compile("(?i)(?:^|[\\s,])max-age\\s*=\\s*\"?(\\d{1,10})");
    private static final Pattern NOT_KEPT = Pattern.compile("(?i)(?:^|[\\s,])no-(?:store|cache)");

    private final URI uri;
    private HttpClient client;
    private volatile Kept kept;
    private KeysUnavailableException failure;
    private long failed;

    /** A set, when it was fetched, and for how long it is kept. */
    private record Kept(Jwks set, long fetched, long nanos) {
        boolean isGood(long now) {
            return now - fetched < nanos;
        }
    }

    FetchedJwks(String url) {
        uri = URI.create(url);
        if (!"http".equals(uri.getScheme()) && !"https".equals(uri.getScheme()) || uri.getHost() == null) {
            throw new IllegalArgumentException("the address of a set of keys is an http or https URL");
        }
    }

    /** One thread fetches, and others wait for it who find nothing that is kept. */
    @Override
    public Jwks keys(boolean unknown) throws KeysUnavailableException {
        var have = kept;
        if (!unknown && have != null && have.isGood(System.nanoTime())) {
            return have.set(); // who sends a kid that nobody has makes nobody wait whose key is here
        }
        return anew(unknown);
    }

    private synchronized Jwks anew(boolean unknown) throws KeysUnavailableException {
        long now = System.nanoTime();
        if (kept != null && kept.isGood(now) && !(unknown && now - kept.fetched() >= AGAIN_NANOS)) {
            return kept.set();
        }
        if (failure != null && now - failed < FAILED_NANOS) {
            throw failure;
        }
        try {
            kept = fetch();
            failure = null;
            return kept.set();
        } catch (KeysUnavailableException e) {
            failure = e;
            failed = System.nanoTime();
            throw e;
        }
    }

    private Kept fetch() throws KeysUnavailableException {
        try {
            if (client == null) {
                client = HttpClient.newBuilder().connectTimeout(TIMEOUT).followRedirects(HttpClient.Redirect.NEVER).build();
            }
            var request = HttpRequest.newBuilder(uri).timeout(TIMEOUT).header("Accept", "application/json").build();
            var response = client.send(request, HttpResponse.BodyHandlers.ofInputStream());
            try (InputStream body = response.body()) {
                if (response.statusCode() != 200) {
                    throw new KeysUnavailableException("fetching the keys answers " + response.statusCode(), null);
                }
                var set = Jwks.parse(body.readNBytes(Jwks.MAX_BYTES + 1));
                long nanos = seconds(response.headers().firstValue("Cache-Control").orElse("")) * 1_000_000_000L;
                return new Kept(set, System.nanoTime(), nanos);
            }
        } catch (IOException | IllegalArgumentException e) {
            throw new KeysUnavailableException("the keys cannot be fetched", e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new KeysUnavailableException("fetching the keys was interrupted", e);
        }
    }

    /** At least one second, so that a set that nobody may keep is not fetched for each request. */
    static long seconds(String cacheControl) {
        if (NOT_KEPT.matcher(cacheControl).find()) {
            return 1;
        }
        var age = MAX_AGE.matcher(cacheControl);
        return age.find() ? Math.max(1, Math.min(MAX_SECONDS, Long.parseLong(age.group(1)))) : DEFAULT_SECONDS;
    }
}
