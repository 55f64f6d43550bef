package io.github.callouthq.callout;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.github.callouthq.callout.sign.Verifier;
import io.github.callouthq.callout.testing.TestDelivery;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyPairGenerator;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class EnvironmentTest {
    private static final String OTHER = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";

    @Test
    void keysAreTaken() {
        var hooks = Callout.builder().env(Map.of("CALLOUT_KEYS", " " + OTHER + " , " + TestDelivery.KEY + ",")).build().request("*", c -> null);
        assertEquals(204, TestDelivery.request("/p.S/M", 1).sendTo(hooks).status());
        assertEquals(204, TestDelivery.request("/p.S/M", 1).signedWith(OTHER).sendTo(hooks).status());
    }

    @Test
    void everythingIsTaken(@TempDir Path folder) throws Exception {
        var generator = KeyPairGenerator.getInstance("RSA");
        generator.initialize(2048);
        var encoded = Base64.getMimeEncoder().encodeToString(generator.generateKeyPair().getPrivate().getEncoded());
        var pem = Files.writeString(folder.resolve("target.key"), "-----BEGIN PRIVATE KEY-----\n" + encoded + "\n-----END PRIVATE KEY-----\n");
        var options = Callout.builder().env(Map.of(
                "CALLOUT_JWKS", "http://127.0.0.1:1/jwks", "CALLOUT_ISSUER", "default", "CALLOUT_AUDIENCE", "hook", "CALLOUT_PAYLOAD", "JWE",
                "CALLOUT_PRIVATE_KEYS", "k1=" + pem)).verification();
        assertEquals(List.of("http://127.0.0.1:1/jwks", "default", "hook", Verifier.Payload.JWE),
                List.of(options.jwksUrl(), options.issuer(), options.audience(), options.payload()));
        assertEquals(Files.readString(pem), options.privateKeys().get("k1"));
        new Verifier(options);
    }

    @Test
    void aWrongKeyIsToldByItsPlace() {
        var builder = Callout.builder().env(Map.of("CALLOUT_KEYS", OTHER + ",whpk_secret"));
        assertEquals("key 2: a whpk_ key is 32 bytes in padded standard base64",
                assertThrows(IllegalArgumentException.class, builder::build).getMessage());
    }

    @Test
    void whatCannotBeReadIsRefused() {
        for (Map<String, String> env : List.of(
                Map.<String, String>of(), Map.of("CALLOUT_KEYS", " , "), Map.of("CALLOUT_KEYS", "whsec_x"), Map.of("CALLOUT_PAYLOAD", "jws", "CALLOUT_KEYS", OTHER),
                Map.of("CALLOUT_PAYLOAD", "jwt", "CALLOUT_KEYS", OTHER), Map.of("CALLOUT_JWKS", "ftp://x"), Map.of("CALLOUT_JWKS", "x"),
                Map.of("CALLOUT_KEYS", OTHER, "CALLOUT_PRIVATE_KEYS", "k1"), Map.of("CALLOUT_KEYS", OTHER, "CALLOUT_PRIVATE_KEYS", "k1=nowhere.pem"),
                Map.of("CALLOUT_JWKS", "http://127.0.0.1:1/", "CALLOUT_PAYLOAD", "jwe"))) {
            assertThrows(IllegalArgumentException.class, () -> Callout.builder().env(env).build(), env.toString());
        }
    }
}
