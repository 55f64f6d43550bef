package io.github.callouthq.callout.sign;

import java.security.GeneralSecurityException;
import java.security.InvalidKeyException;
import java.security.PrivateKey;
import java.security.interfaces.ECPrivateKey;
import java.security.interfaces.RSAPrivateKey;
import java.security.spec.MGF1ParameterSpec;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import javax.crypto.Cipher;
import javax.crypto.spec.GCMParameterSpec;
import javax.crypto.spec.OAEPParameterSpec;
import javax.crypto.spec.PSource;
import javax.crypto.spec.SecretKeySpec;

/** Bodies that are encrypted for the receiver as a JWE. */
final class Jwe {
    private static final Set<String> BY_RSA = Set.of("alg", "cty", "enc", "kid", "typ");
    private static final Set<String> BY_CURVE = Set.of("alg", "cty", "enc", "kid", "typ", "epk");
    private static final OAEPParameterSpec OAEP =
            new OAEPParameterSpec("SHA-256", "MGF1", MGF1ParameterSpec.SHA256, PSource.PSpecified.DEFAULT);
    private static final int KEY_BYTES = 32;
    private static final int NONCE_BYTES = 12;
    private static final int TAG_BYTES = 16;

    private final Map<String, PrivateKey> keys = new HashMap<>();

    /** Takes private keys in PEM by the ids that their public halves have in Callout. */
    Jwe(Map<String, String> pems) {
        pems.forEach((kid, pem) -> keys.put(kid, PrivateKeyPem.read(pem)));
    }

    /** Opens it, and gives the JWT in it, which is not verified yet: what is encrypted may be by anybody. */
    byte[] open(byte[] body) throws NotGenuineException {
        var jwe = Compact.read(body, 5, BY_CURVE, "jwe");
        var key = keys.get(jwe.text("kid"));
        if (key == null) {
            throw new NotGenuineException("jwe: no private key has its kid");
        }
        boolean rsa = key instanceof RSAPrivateKey;
        boolean fits = jwe.text("alg").equals(rsa ? "RSA-OAEP-256" : EcdhEs.NAME) && (rsa ? BY_RSA : BY_CURVE).equals(jwe.header.keySet());
        if (!fits || !jwe.text("enc").equals("A256GCM") || !jwe.text("typ").equals("JWT") || !jwe.text("cty").equals("JWT")) {
            throw new NotGenuineException("jwe: its header does not say what the key of its kid takes");
        }
        try {
            var content = rsa ? oaep(key, jwe.parts[1]) : EcdhEs.unwrap((ECPrivateKey) key, jwe.header.get("epk"), jwe.parts[1]);
            return decrypt(jwe, content);
        } catch (GeneralSecurityException e) {
            throw new NotGenuineException("jwe: the private key does not open it");
        }
    }

    private static byte[] oaep(PrivateKey key, byte[] wrapped) throws GeneralSecurityException {
        var cipher = Cipher.getInstance("RSA/ECB/OAEPPadding");
        cipher.init(Cipher.DECRYPT_MODE, key, OAEP);
        return cipher.doFinal(wrapped);
    }

    private static byte[] decrypt(Compact jwe, byte[] content) throws GeneralSecurityException {
        var nonce = jwe.parts[2];
        var sealed = jwe.parts[3];
        var tag = jwe.parts[4];
        if (content.length != KEY_BYTES || nonce.length != NONCE_BYTES || tag.length != TAG_BYTES) {
            throw new InvalidKeyException("A256GCM has a key of 32 bytes, a nonce of 12 and a tag of 16");
        }
        var cipher = Cipher.getInstance("AES/GCM/NoPadding");
        cipher.init(Cipher.DECRYPT_MODE, new SecretKeySpec(content, "AES"), new GCMParameterSpec(8 * TAG_BYTES, nonce));
        cipher.updateAAD(jwe.head(1));
        var whole = new byte[sealed.length + TAG_BYTES];
        System.arraycopy(sealed, 0, whole, 0, sealed.length);
        System.arraycopy(tag, 0, whole, sealed.length, TAG_BYTES);
        return cipher.doFinal(whole);
    }
}
