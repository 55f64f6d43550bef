package io.github.callouthq.callout.sign;

import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.InvalidKeyException;
import java.security.KeyFactory;
import java.security.MessageDigest;
import java.security.PublicKey;
import java.security.interfaces.ECPrivateKey;
import java.security.spec.ECFieldFp;
import java.security.spec.ECParameterSpec;
import java.security.spec.ECPoint;
import java.security.spec.ECPublicKeySpec;
import java.util.Map;
import java.util.Set;
import javax.crypto.Cipher;
import javax.crypto.KeyAgreement;
import javax.crypto.spec.SecretKeySpec;

/** ECDH-ES+A256KW of RFC 7518: a key agreed with the sender's passing key, which unwraps the key of the content. */
final class EcdhEs {
    static final String NAME = "ECDH-ES+A256KW";

    private static final Set<String> EPK = Set.of("kty", "crv", "x", "y");
    private static final Map<Integer, String> CURVES = Map.of(256, "P-256", 384, "P-384", 521, "P-521");

    private EcdhEs() {}

    static byte[] unwrap(ECPrivateKey key, Object epk, byte[] wrapped) throws GeneralSecurityException {
        var agreement = KeyAgreement.getInstance("ECDH");
        agreement.init(key);
        agreement.doPhase(passing(epk, key.getParams()), true);
        var cipher = Cipher.getInstance("AESWrap");
        cipher.init(Cipher.UNWRAP_MODE, new SecretKeySpec(derive(agreement.generateSecret()), "AES"));
        return cipher.unwrap(wrapped, "AES", Cipher.SECRET_KEY).getEncoded();
    }

    private static PublicKey passing(Object epk, ECParameterSpec curve) throws GeneralSecurityException {
        int bits = ((ECFieldFp) curve.getCurve().getField()).getP().bitLength();
        if (!(epk instanceof Map<?, ?> jwk) || !EPK.equals(jwk.keySet()) || !"EC".equals(jwk.get("kty"))
                || !CURVES.getOrDefault(bits, "-").equals(jwk.get("crv"))) {
            throw new InvalidKeyException("epk is no key on the receiver's curve");
        }
        var point = new ECPoint(coordinate(jwk.get("x"), bits), coordinate(jwk.get("y"), bits));
        if (!isOn(curve, point)) {
            throw new InvalidKeyException("epk is no point of the curve"); // such a point gives the private key away
        }
        return KeyFactory.getInstance("EC").generatePublic(new ECPublicKeySpec(point, curve));
    }

    private static BigInteger coordinate(Object text, int bits) throws GeneralSecurityException {
        var raw = text instanceof String s ? Base64Text.url(s) : null;
        if (raw == null || raw.length != (bits + 7) / 8) {
            throw new InvalidKeyException("a coordinate of epk is malformed");
        }
        return new BigInteger(1, raw);
    }

    private static boolean isOn(ECParameterSpec spec, ECPoint point) {
        var curve = spec.getCurve();
        var p = ((ECFieldFp) curve.getField()).getP();
        var x = point.getAffineX();
        var y = point.getAffineY();
        var right = x.multiply(x).add(curve.getA()).multiply(x).add(curve.getB()).mod(p);
        return x.compareTo(p) < 0 && y.compareTo(p) < 0 && y.multiply(y).mod(p).equals(right);
    }

    /** The Concat KDF with one round, which gives the 32 bytes of an AES key. Its party infos are empty. */
    private static byte[] derive(byte[] agreed) throws GeneralSecurityException {
        var name = NAME.getBytes(StandardCharsets.US_ASCII);
        var info = ByteBuffer.allocate(4 + agreed.length + 4 + name.length + 4 + 4 + 4);
        info.putInt(1).put(agreed).putInt(name.length).put(name).putInt(0).putInt(0).putInt(256);
        return MessageDigest.getInstance("SHA-256").digest(info.array());
    }
}
