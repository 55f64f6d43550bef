package io.github.callouthq.callout.sign;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.callouthq.callout.http.Headers;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class TokensTest {
    private static final Instant NOW = Instant.ofEpochSecond(1_700_000_000);
    private static final String CLAIMS = ",\"iss\":\"default\",\"aud\":\"hook\",\"jti\":\"dlv_1\",\"iat\":1700000000,\"exp\":1700000300}";
    private static final String PAYLOAD = "{\"function\":\"f\"" + CLAIMS;

    private static Verifier verifier(Verifier.Payload payload, String jwks, Map<String, String> keys) {
        return new Verifier(new Verifier.Options(
                List.of(), Set.of(), Jwks.parse(jwks.getBytes(StandardCharsets.UTF_8)), null, payload, "default", "hook", keys, false));
    }

    private static boolean isGenuine(Verifier verifier, String body) {
        return SignaturesTest.isGenuine(verifier, new Headers(), body.getBytes(StandardCharsets.UTF_8), NOW);
    }

    @ParameterizedTest
    @ValueSource(strings = {"EdDSA", "RS256"})
    void aJwtIsVerified(String algorithm) throws Exception {
        var key = JoseKey.signing(algorithm, "k1");
        var verifier = verifier(Verifier.Payload.JWT, key.jwks(), Map.of());
        var jwt = key.sign("{\"alg\":\"" + algorithm + "\",\"kid\":\"k1\",\"typ\":\"JWT\"}", PAYLOAD);
        var verified = verifier.verify(new Headers(), jwt.getBytes(StandardCharsets.UTF_8), NOW);
        assertEquals(PAYLOAD, new String(verified.body(), StandardCharsets.UTF_8));
        assertEquals("dlv_1", verified.deliveryId());
        assertFalse(isGenuine(verifier, jwt + "A"));
        assertFalse(isGenuine(verifier, jwt + "="));
        assertFalse(isGenuine(verifier, jwt + "\n"));
        assertFalse(isGenuine(verifier, " " + jwt));
        assertFalse(isGenuine(verifier, jwt.substring(0, jwt.lastIndexOf('.') + 1)));
        assertFalse(isGenuine(verifier, PAYLOAD));
        assertTrue(isGenuine(verifier, jwt));
    }

    @ParameterizedTest
    @ValueSource(strings = {
        "{\"alg\":\"none\",\"kid\":\"k1\",\"typ\":\"JWT\"}", "{\"alg\":\"RS256\",\"kid\":\"k1\",\"typ\":\"JWT\"}", "{\"alg\":\"EdDSA\",\"kid\":\"k2\",\"typ\":\"JWT\"}",
        "{\"alg\":\"EdDSA\",\"kid\":\"k1\",\"typ\":\"jwt\"}", "{\"alg\":\"EdDSA\",\"kid\":\"k1\"}", "{\"alg\":\"EdDSA\",\"typ\":\"JWT\"}",
        "{\"alg\":\"EdDSA\",\"kid\":\"k1\",\"typ\":\"JWT\",\"jku\":\"https://x.example\"}", "{\"alg\":\"EdDSA\",\"kid\":\"k1\",\"typ\":\"JWT\",\"crit\":[]}",
        "{\"alg\":\"EdDSA\",\"kid\":\"k1\",\"kid\":\"k1\",\"typ\":\"JWT\"}", "[]"})
    void anotherHeaderIsRefused(String header) throws Exception {
        var key = JoseKey.signing("EdDSA", "k1");
        assertFalse(isGenuine(verifier(Verifier.Payload.JWT, key.jwks(), Map.of()), key.sign(header, PAYLOAD)), header);
    }

    @ParameterizedTest
    @ValueSource(strings = {
        "\"iss\":\"default\"|\"iss\":\"other\"", "\"aud\":\"hook\"|\"aud\":[\"hook\"]", "\"aud\":\"hook\"|\"aux\":1", "1700000000|1699999699", "1700000000|1700000301",
        "1700000000|1.7e9", "1700000000|\"1700000000\"", "1700000300|1699999699", "\"exp\"|\"exq\"", "\"dlv_1\"|7", "\"jti\"|\"iss\""})
    void otherClaimsAreRefused(String change) throws Exception {
        var key = JoseKey.signing("EdDSA", "k1");
        var parts = change.split("\\|");
        var payload = PAYLOAD.replace(parts[0], parts[1]);
        var jwt = key.sign("{\"alg\":\"EdDSA\",\"kid\":\"k1\",\"typ\":\"JWT\"}", payload);
        assertFalse(isGenuine(verifier(Verifier.Payload.JWT, key.jwks(), Map.of()), jwt), payload);
    }

    @ParameterizedTest
    @ValueSource(strings = {"RSA", "P-256", "P-384", "P-521"})
    void aJweIsOpened(String kind) throws Exception {
        var signing = JoseKey.signing("EdDSA", "k1");
        var recipient = JoseKey.recipient(kind);
        var verifier = verifier(Verifier.Payload.JWE, signing.jwks(), Map.of("p1", recipient.pem()));
        var jwt = signing.sign("{\"alg\":\"EdDSA\",\"kid\":\"k1\",\"typ\":\"JWT\"}", PAYLOAD);
        var jwe = recipient.encrypt("p1", jwt, "");
        assertArrayEquals(PAYLOAD.getBytes(), verifier.verify(new Headers(), jwe.getBytes(StandardCharsets.UTF_8), NOW).body());
        assertFalse(isGenuine(verifier, recipient.encrypt("p2", jwt, "")), "another kid");
        assertFalse(isGenuine(verifier, recipient.encrypt("p1", jwt, ",\"zip\":\"DEF\"")), "compressed");
        assertFalse(isGenuine(verifier, recipient.encrypt("p1", PAYLOAD, "")), "encrypted, and not signed");
        assertFalse(isGenuine(verifier, jwt), "signed, and not encrypted");
        assertFalse(isGenuine(verifier(Verifier.Payload.JWE, signing.jwks(), Map.of("p1", JoseKey.recipient(kind).pem())), jwe), "another key");
        for (int part = 1; part < 5; part++) {
            assertFalse(isGenuine(verifier, flipped(jwe, part)), "part " + part + " is another one");
        }
    }

    private static String flipped(String jwe, int part) {
        var parts = jwe.split("\\.");
        char first = parts[part].charAt(0);
        parts[part] = (first == 'A' ? 'B' : 'A') + parts[part].substring(1);
        return String.join(".", parts);
    }

    @Test
    void aPointThatIsNotOnTheCurveIsRefused() throws Exception {
        var signing = JoseKey.signing("EdDSA", "k1");
        var recipient = JoseKey.recipient("P-256");
        var verifier = verifier(Verifier.Payload.JWE, signing.jwks(), Map.of("p1", recipient.pem()));
        var thrown = assertThrows(NotGenuineException.class,
                () -> verifier.verify(new Headers(), recipient.offCurve("p1").getBytes(StandardCharsets.UTF_8), NOW));
        assertTrue(thrown.getMessage().startsWith("jwe:"));
    }

    @Test
    void keysOfOtherKindsArePassedOver() {
        var none = Jwks.parse("{\"keys\":[{},7,{\"kid\":\"a\",\"kty\":\"oct\",\"k\":\"AA\"},{\"kid\":\"b\",\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"AQAB\"}]}".getBytes());
        assertTrue(none.webhookKeys().isEmpty());
        for (String bad : new String[] {"{}", "[]", "{\"keys\":{}}", "x"}) {
            assertThrows(IllegalArgumentException.class, () -> Jwks.parse(bad.getBytes()), bad);
        }
    }

    @Test
    void aSetIsKeptForWhatItsSenderSays() {
        assertEquals(300, FetchedJwks.seconds(""));
        assertEquals(3600, FetchedJwks.seconds("max-age=86400"));
        assertEquals(7, FetchedJwks.seconds("public, max-age=7"));
        assertEquals(300, FetchedJwks.seconds("s-maxage=7"));
        assertEquals(1, FetchedJwks.seconds("no-store"));
    }
}
