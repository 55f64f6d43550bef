package io.github.callouthq.callout.sign;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.callouthq.callout.http.Headers;
import io.github.callouthq.callout.json.Json;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class SignaturesTest {
    private static final String KEY = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    private static final String OTHER = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
    private static final String PRIVATE = "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg==";
    private static final String PUBLIC = "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4=";
    private static final byte[] BODY = "{\"a\":1}".getBytes(StandardCharsets.UTF_8);
    private static final Instant NOW = Instant.ofEpochSecond(1_700_000_000);

    static Verifier verifier(String... keys) {
        return new Verifier(new Verifier.Options(List.of(keys), Set.of(), null, null, Verifier.Payload.JSON, "", "", Map.of(), false));
    }

    static Headers signed(String... keys) {
        var headers = new Headers();
        new Signer(List.of(keys)).sign(headers, "msg_1", NOW, BODY);
        return headers;
    }

    static boolean isGenuine(Verifier verifier, Headers headers, byte[] body, Instant now) {
        try {
            verifier.verify(headers, body, now);
            return true;
        } catch (NotGenuineException e) {
            return false;
        } catch (KeysUnavailableException e) {
            throw new AssertionError(e);
        }
    }

    private static boolean isGenuine(String key, Headers headers) {
        return isGenuine(verifier(key), headers, BODY, NOW);
    }

    private static Headers changed(String name, UnaryOperator<String> change) {
        var headers = signed(KEY).set("ZITADEL-Signature", null);
        return headers.set(name, change.apply(headers.one(name)));
    }

    @Test
    void publishedVectorsVerify() throws Exception {
        var vectors = (List<?>) Json.read(getClass().getResourceAsStream("/standard-webhooks.json").readAllBytes());
        assertEquals(4, vectors.size());
        for (Object one : vectors) {
            var vector = (Map<?, ?>) one;
            var secret = (String) vector.get("secret");
            if (((String) vector.get("name")).contains("below spec minimum")) {
                assertThrows(IllegalArgumentException.class, () -> verifier(secret));
                continue;
            }
            var body = Base64.getDecoder().decode((String) vector.get("body_base64"));
            var at = Instant.ofEpochSecond((Long) vector.get("timestamp"));
            var headers = new Headers().add("webhook-id", (String) vector.get("id"))
                    .add("webhook-timestamp", vector.get("timestamp").toString()).add("webhook-signature", (String) vector.get("signature"));
            assertTrue(isGenuine(verifier(secret), headers, body, at), vector.get("name").toString());
            if (vector.get("public_key") instanceof String key) {
                assertTrue(isGenuine(verifier(key), headers, body, at), "by the public half");
            }
            var made = new Headers();
            new Signer(List.of(secret)).sign(made, (String) vector.get("id"), at, body);
            assertEquals(vector.get("signature"), made.one("webhook-signature"), "what is signed is the same");
        }
    }

    @Test
    void documentedSignaturesAreOurs() {
        var headers = signed(KEY);
        assertEquals("v1,hVsFLpmw4Ib/Xm0eZLt3KqYBZdt0U8gdGeuz0EsGv78=", headers.one("webhook-signature"));
        assertEquals("t=1700000000,v1=b6974ac6d7fd2ac6e37c3cea117ba7ee3cfde56b98ea4e8b5fb26b9fee534ba7", headers.one("ZITADEL-Signature"));
    }

    @Test
    void anyOfSeveralKeysFits() {
        for (String[] keys : new String[][] {{OTHER, KEY}, {KEY, OTHER}, {PUBLIC, KEY}}) {
            assertTrue(isGenuine(verifier(keys), signed(KEY), BODY, NOW));
        }
        assertTrue(isGenuine(KEY, signed(OTHER, KEY)));
        assertFalse(isGenuine(OTHER, signed(KEY)));
    }

    @ParameterizedTest
    @CsvSource({"-300000,true", "300000,true", "-300001,false", "300001,false", "0,true"})
    void timesAreBounded(long millis, boolean genuine) {
        var now = NOW.plusMillis(millis);
        assertEquals(genuine, isGenuine(verifier(KEY), signed(KEY), BODY, now));
        var zitadel = signed(KEY).set("webhook-signature", null);
        assertEquals(genuine, isGenuine(verifier(KEY), zitadel, BODY, now));
    }

    @ParameterizedTest
    @ValueSource(strings = {"+1700000000", "01700000000", "1700000000 ", " 1700000000", "1700000000.0", "1.7e9", "1700000000s", "", "17000000000000", "١٧٠٠٠٠٠٠٠٠"})
    void timesHaveOneForm(String stamp) {
        assertFalse(isGenuine(KEY, changed("webhook-timestamp", old -> stamp)), stamp);
    }

    @Test
    void listsAreReadStrictly() {
        assertTrue(isGenuine(KEY, changed("webhook-signature", s -> "v1,AAAA  v2,x " + s)), "doubled spaces");
        assertTrue(isGenuine(KEY, changed("webhook-signature", s -> "v1,AAAA, " + s)), "a comma and a space");
        var twice = signed(KEY).set("webhook-signature", "v1,AAAA");
        twice.add("webhook-signature", signed(KEY).one("webhook-signature"));
        assertTrue(isGenuine(KEY, twice), "two headers");
        assertFalse(isGenuine(KEY, changed("webhook-signature", s -> s + "\tv1,AAAA")), "a tab");
        assertFalse(isGenuine(KEY, changed("webhook-signature", s -> s + ",x")), "a third field");
        assertFalse(isGenuine(KEY, changed("webhook-signature", s -> s.replace("=", ""))), "no padding");
        assertFalse(isGenuine(KEY, changed("webhook-signature", s -> s.replace('/', '_').replace('+', '-'))), "URL-safe");
        assertFalse(isGenuine(KEY, changed("webhook-signature", s -> "v1,AAAA ".repeat(5) + s)), "many more than keys");
        assertTrue(isGenuine(KEY, changed("webhook-signature", s -> "v1,AAAA ".repeat(4) + s)), "four more than keys");
        assertFalse(isGenuine(KEY, changed("webhook-signature", s -> "x ".repeat(64) + s)), "too many entries");
    }

    @Test
    void idsHaveNoDot() {
        assertFalse(isGenuine(KEY, changed("webhook-id", id -> "")));
        for (String id : new String[] {"a.b", "a b", "ä", "x".repeat(256)}) {
            assertThrows(IllegalArgumentException.class, () -> new Signer(List.of(KEY)).sign(new Headers(), id, NOW, BODY), id);
        }
        // The bounds of id, time and body move, and the bytes that are signed stay the same.
        var moved = signed(KEY).set("ZITADEL-Signature", null).set("webhook-id", "msg_1.1700000000");
        moved.set("webhook-timestamp", "1700000000");
        assertFalse(isGenuine(KEY, moved));
        assertFalse(isGenuine(KEY, signed(KEY).set("ZITADEL-Signature", null).add("webhook-id", "msg_1")), "two ids");
    }

    @Test
    void theStrongerSchemeDecides() {
        var wrong = signed(KEY).set("webhook-signature", "v1," + Base64.getEncoder().encodeToString(new byte[32]));
        assertFalse(isGenuine(KEY, wrong), "ZITADEL's signature does not save it");
        assertTrue(isGenuine(KEY, signed(KEY).set("webhook-signature", "v2,AAAA")), "no entry that could be checked");
        assertTrue(isGenuine(KEY, signed(KEY).set("webhook-signature", null)));
        assertTrue(isGenuine("a-key-of-zitadel", signed("a-key-of-zitadel")));
        assertFalse(isGenuine(PUBLIC, signed(KEY)), "a public key is no secret");
        assertTrue(isGenuine(PUBLIC, signed(PRIVATE)));
        assertFalse(isGenuine(KEY, new Headers()));
    }

    @Test
    void schemesNarrow() {
        for (Scheme scheme : Scheme.values()) {
            var options = new Verifier.Options(List.of(KEY, PUBLIC), Set.of(scheme), null, null, Verifier.Payload.JSON, "", "", Map.of(), false);
            var only = new Verifier(options);
            assertEquals(scheme == Scheme.STANDARD, isGenuine(only, signed(KEY).set("ZITADEL-Signature", null), BODY, NOW));
            assertEquals(scheme == Scheme.STANDARD_V1A, isGenuine(only, signed(PRIVATE), BODY, NOW));
            assertEquals(scheme == Scheme.ZITADEL, isGenuine(only, signed(KEY).set("webhook-signature", null), BODY, NOW));
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {
        "t=1700000000", "v1=HEX", "t=1700000000,t=1700000000,v1=HEX", "t=1700000000,v1=UPPER", "t=1700000000,v2=HEX", "t=1700000000 ,v1=HEX",
        "t=1700000000,v1=HEX0", "t=1700000000,v1= HEX", "T=1700000000,v1=HEX", "t=,v1=HEX", "", ","})
    void zitadelIsReadStrictly(String form) {
        var good = signed(KEY).one("ZITADEL-Signature");
        var hex = good.substring(good.indexOf("v1=") + 3);
        var header = form.replace("HEX", hex).replace("UPPER", hex.toUpperCase(java.util.Locale.ROOT));
        assertFalse(isGenuine(KEY, new Headers().add("ZITADEL-Signature", header)), form);
        assertTrue(isGenuine(KEY, new Headers().add("zitadel-signature", "x=1, t=1700000000,  v1=00, v1=" + hex)));
        assertFalse(isGenuine(KEY, new Headers().add("ZITADEL-Signature", good).add("ZITADEL-Signature", good)), "two headers");
    }

    @ParameterizedTest
    @ValueSource(strings = {
        "", " ", "whsec_", "whsec_AAAA", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw=", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n", "whpk_AAAA", "whsk_AAAA",
        "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvw=="})
    void keysThatAreNoneAreRefused(String key) {
        var thrown = assertThrows(IllegalArgumentException.class, () -> verifier(key));
        assertFalse(key.length() > 6 && thrown.getMessage().contains(key.substring(6)), "the message shows nothing of the key");
    }

    @Test
    void aReceiverNeedsAKey() {
        assertThrows(IllegalArgumentException.class, SignaturesTest::verifier);
        assertThrows(IllegalArgumentException.class, () -> verifier("x".repeat(513)));
        assertTrue(isGenuine("x".repeat(512), signed("x".repeat(512))));
        assertTrue(isGenuine(KEY.substring(6), signed(KEY).set("ZITADEL-Signature", null)), "base64 alone is one of Standard Webhooks");
        var unsigned = new Verifier.Options(List.of(), Set.of(), null, null, Verifier.Payload.JSON, "", "", Map.of(), true);
        assertTrue(isGenuine(new Verifier(unsigned), new Headers(), BODY, NOW));
    }
}
