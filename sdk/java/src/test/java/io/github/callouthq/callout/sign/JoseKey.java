package io.github.callouthq.callout.sign;

import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.MessageDigest;
import java.security.SecureRandom;
import java.security.Signature;
import java.security.interfaces.ECPrivateKey;
import java.security.interfaces.ECPublicKey;
import java.security.interfaces.RSAPublicKey;
import java.security.spec.ECGenParameterSpec;
import java.security.spec.MGF1ParameterSpec;
import java.util.Arrays;
import java.util.Base64;
import javax.crypto.Cipher;
import javax.crypto.KeyAgreement;
import javax.crypto.spec.GCMParameterSpec;
import javax.crypto.spec.OAEPParameterSpec;
import javax.crypto.spec.PSource;
import javax.crypto.spec.SecretKeySpec;

/** A key pair that signs or is encrypted for, written from the RFCs and not from what is tested. */
public record JoseKey(String kind, String kid, KeyPair pair) {
    private static final Base64.Encoder URL = Base64.getUrlEncoder().withoutPadding();

    public static JoseKey signing(String algorithm, String kid) throws Exception {
        var generator = KeyPairGenerator.getInstance(algorithm.equals("EdDSA") ? "Ed25519" : "RSA");
        return new JoseKey(algorithm, kid, generator.generateKeyPair());
    }

    static JoseKey recipient(String kind) throws Exception {
        var generator = KeyPairGenerator.getInstance(kind.equals("RSA") ? "RSA" : "EC");
        if (kind.equals("RSA")) {
            generator.initialize(2048);
        } else {
            generator.initialize(new ECGenParameterSpec("secp" + kind.substring(2) + "r1"));
        }
        return new JoseKey(kind, "", generator.generateKeyPair());
    }

    public String jwks() {
        var encoded = pair.getPublic().getEncoded();
        var members = pair.getPublic() instanceof RSAPublicKey rsa
                ? "\"kty\":\"RSA\",\"n\":\"" + unsigned(rsa.getModulus(), 0) + "\",\"e\":\"" + unsigned(rsa.getPublicExponent(), 0) + "\""
                : "\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"" + URL.encodeToString(Arrays.copyOfRange(encoded, 12, 44)) + "\"";
        return "{\"keys\":[{\"kid\":\"" + kid + "\",\"alg\":\"" + kind + "\",\"use\":\"sig\"," + members + "}]}";
    }

    public String sign(String header, String payload) throws Exception {
        var signed = text(header) + "." + text(payload);
        var signature = Signature.getInstance(kind.equals("EdDSA") ? "Ed25519" : "SHA256withRSA");
        signature.initSign(pair.getPrivate());
        signature.update(signed.getBytes(StandardCharsets.US_ASCII));
        return signed + "." + URL.encodeToString(signature.sign());
    }

    String pem() {
        return "-----BEGIN PRIVATE KEY-----\n" + Base64.getMimeEncoder(64, new byte[] {'\n'}).encodeToString(pair.getPrivate().getEncoded())
                + "\n-----END PRIVATE KEY-----\n";
    }

    String encrypt(String kid, String text, String more) throws Exception {
        var content = random(32);
        String header;
        byte[] wrapped;
        if (kind.equals("RSA")) {
            header = "{\"alg\":\"RSA-OAEP-256\",\"cty\":\"JWT\",\"enc\":\"A256GCM\",\"kid\":\"" + kid + "\",\"typ\":\"JWT\"" + more + "}";
            var cipher = Cipher.getInstance("RSA/ECB/OAEPPadding");
            cipher.init(Cipher.ENCRYPT_MODE, pair.getPublic(), new OAEPParameterSpec("SHA-256", "MGF1", MGF1ParameterSpec.SHA256, PSource.PSpecified.DEFAULT));
            wrapped = cipher.doFinal(content);
        } else {
            var passing = recipient(kind).pair();
            header = curveHeader(kid, (ECPublicKey) passing.getPublic(), BigInteger.ZERO, more);
            var cipher = Cipher.getInstance("AESWrap");
            cipher.init(Cipher.WRAP_MODE, new SecretKeySpec(derive((ECPrivateKey) passing.getPrivate()), "AES"));
            wrapped = cipher.wrap(new SecretKeySpec(content, "AES"));
        }
        return seal(header, wrapped, content, text);
    }

    /** A JWE whose passing key is no point of the curve. */
    String offCurve(String kid) throws Exception {
        var header = curveHeader(kid, (ECPublicKey) pair.getPublic(), BigInteger.ONE, "");
        return seal(header, random(40), random(32), "x");
    }

    private String curveHeader(String kid, ECPublicKey passing, BigInteger add, String more) {
        int bytes = (Integer.parseInt(kind.substring(2)) + 7) / 8;
        var epk = "{\"kty\":\"EC\",\"crv\":\"" + kind + "\",\"x\":\"" + unsigned(passing.getW().getAffineX(), bytes)
                + "\",\"y\":\"" + unsigned(passing.getW().getAffineY().add(add), bytes) + "\"}";
        return "{\"alg\":\"ECDH-ES+A256KW\",\"cty\":\"JWT\",\"enc\":\"A256GCM\",\"epk\":" + epk + ",\"kid\":\"" + kid + "\",\"typ\":\"JWT\"" + more + "}";
    }

    private byte[] derive(ECPrivateKey passing) throws Exception {
        var agreement = KeyAgreement.getInstance("ECDH");
        agreement.init(passing);
        agreement.doPhase(pair.getPublic(), true);
        var digest = MessageDigest.getInstance("SHA-256");
        digest.update(number(1));
        digest.update(agreement.generateSecret());
        digest.update(number(14));
        digest.update("ECDH-ES+A256KW".getBytes(StandardCharsets.US_ASCII));
        digest.update(number(0));
        digest.update(number(0));
        digest.update(number(256));
        return digest.digest();
    }

    private static String seal(String header, byte[] wrapped, byte[] content, String text) throws Exception {
        var nonce = random(12);
        var cipher = Cipher.getInstance("AES/GCM/NoPadding");
        cipher.init(Cipher.ENCRYPT_MODE, new SecretKeySpec(content, "AES"), new GCMParameterSpec(128, nonce));
        cipher.updateAAD(text(header).getBytes(StandardCharsets.US_ASCII));
        var sealed = cipher.doFinal(text.getBytes(StandardCharsets.UTF_8));
        int end = sealed.length - 16;
        return String.join(".", text(header), URL.encodeToString(wrapped), URL.encodeToString(nonce),
                URL.encodeToString(Arrays.copyOf(sealed, end)), URL.encodeToString(Arrays.copyOfRange(sealed, end, sealed.length)));
    }

    private static String text(String text) {
        return URL.encodeToString(text.getBytes(StandardCharsets.UTF_8));
    }

    private static String unsigned(BigInteger number, int bytes) {
        var raw = number.toByteArray();
        var bare = raw[0] == 0 ? Arrays.copyOfRange(raw, 1, raw.length) : raw;
        var out = new byte[Math.max(bytes, bare.length)];
        System.arraycopy(bare, 0, out, out.length - bare.length, bare.length);
        return URL.encodeToString(out);
    }

    private static byte[] number(int number) {
        return ByteBuffer.allocate(4).putInt(number).array();
    }

    private static byte[] random(int bytes) {
        var out = new byte[bytes];
        new SecureRandom().nextBytes(out);
        return out;
    }
}
