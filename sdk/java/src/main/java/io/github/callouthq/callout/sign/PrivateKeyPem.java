package io.github.callouthq.callout.sign;

import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.PrivateKey;
import java.security.interfaces.ECPrivateKey;
import java.security.interfaces.RSAPrivateKey;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.Base64;
import java.util.regex.Pattern;

/** Private keys as {@code openssl genpkey} writes them. */
final class PrivateKeyPem {
    private static final Pattern BLOCK = Pattern.compile("\\s*-----BEGIN PRIVATE KEY-----([A-Za-z0-9+/=\\s]+)-----END PRIVATE KEY-----\\s*");
    private static final int MIN_RSA_BITS = 2048;

    private PrivateKeyPem() {}

    static PrivateKey read(String pem) {
        var block = BLOCK.matcher(pem);
        if (!block.matches()) {
            throw new IllegalArgumentException("a private key is one block PRIVATE KEY in PEM: openssl pkey -in KEY writes it");
        }
        var encoded = new PKCS8EncodedKeySpec(Base64.getMimeDecoder().decode(block.group(1)));
        try {
            if (KeyFactory.getInstance("RSA").generatePrivate(encoded) instanceof RSAPrivateKey key) {
                if (key.getModulus().bitLength() < MIN_RSA_BITS) {
                    throw new IllegalArgumentException("an RSA key has at least 2048 bits");
                }
                return key;
            }
        } catch (GeneralSecurityException e) {
            // It is none of RSA.
        }
        try {
            return (ECPrivateKey) KeyFactory.getInstance("EC").generatePrivate(encoded);
        } catch (GeneralSecurityException e) {
            throw new IllegalArgumentException("a private key is one of RSA, or of ECDSA on P-256, P-384 or P-521");
        }
    }
}
