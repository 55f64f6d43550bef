package io.github.callouthq.callout.sign;

import java.security.GeneralSecurityException;
import java.security.Signature;
import java.time.Instant;
import java.util.Map;
import java.util.Set;

/** Bodies that are signed as a JWT. */
final class Jwt {
    private static final Set<String> HEADER = Set.of("alg", "kid", "typ");

    /** What a JWT holds: the JSON body with its claims, and the delivery id, "" where it says none. */
    record Opened(byte[] payload, String id) {}

    private final JwksSource source;
    private final String issuer;
    private final String audience;

    Jwt(JwksSource source, String issuer, String audience) {
        this.source = source;
        this.issuer = issuer;
        this.audience = audience;
    }

    Opened verify(byte[] body, Instant now) throws NotGenuineException, KeysUnavailableException {
        var jwt = Compact.read(body, 3, HEADER, "jwt");
        if (!jwt.text("typ").equals("JWT")) {
            throw new NotGenuineException("jwt: typ is not JWT");
        }
        var key = key(jwt.text("kid"));
        if (!key.algorithm().equals(jwt.text("alg"))) {
            throw new NotGenuineException("jwt: the key of its kid signs with another algorithm");
        }
        if (!fits(key, jwt.head(2), jwt.parts[2])) {
            throw new NotGenuineException("jwt: the signature does not fit");
        }
        var claims = Compact.once(jwt.parts[1], "jwt: its payload");
        check(claims, now);
        return new Opened(jwt.parts[1], claims.get("jti") instanceof String id ? id : "");
    }

    private Jwks.Verifying key(String kid) throws NotGenuineException, KeysUnavailableException {
        var key = source.keys(false).key(kid);
        if (key == null) {
            key = source.keys(true).key(kid);
        }
        if (key == null) {
            throw new NotGenuineException("jwt: no key of the set has its kid");
        }
        return key;
    }

    private static boolean fits(Jwks.Verifying key, byte[] signed, byte[] signature) {
        if (key.algorithm().equals("EdDSA")) {
            return Ed25519.verify(key.key(), signed, signature);
        }
        try {
            var rsa = Signature.getInstance("SHA256withRSA");
            rsa.initVerify(key.key());
            rsa.update(signed);
            return rsa.verify(signature);
        } catch (GeneralSecurityException e) {
            return false; // a signature that is none
        }
    }

    private void check(Map<String, Object> claims, Instant now) throws NotGenuineException {
        long millis = now.toEpochMilli();
        var issued = moment(claims.get("iat"));
        if (issued == null || Math.abs(millis - issued) > Stamp.TOLERANCE_MILLIS) {
            throw new NotGenuineException("jwt: iat is missing or too far from the present; do the clocks agree?");
        }
        var expires = moment(claims.get("exp"));
        if (expires == null || millis > expires + Stamp.TOLERANCE_MILLIS) {
            throw new NotGenuineException("jwt: exp is missing or over");
        }
        if (!issuer.isEmpty() && !issuer.equals(claims.get("iss"))) {
            throw new NotGenuineException("jwt: iss is another one than is expected");
        }
        if (!audience.isEmpty() && !audience.equals(claims.get("aud"))) {
            throw new NotGenuineException("jwt: aud is another one than is expected");
        }
        if (claims.get("jti") != null && !(claims.get("jti") instanceof String)) {
            throw new NotGenuineException("jwt: jti is no text");
        }
    }

    /** Gives a time of whole seconds in milliseconds, or null. */
    private static Long moment(Object claim) {
        return claim instanceof Long seconds && Stamp.isNumber(seconds.toString()) ? (Long) (seconds * 1000) : null;
    }
}
