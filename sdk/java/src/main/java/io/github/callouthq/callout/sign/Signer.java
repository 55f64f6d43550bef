package io.github.callouthq.callout.sign;

import io.github.callouthq.callout.http.Headers;
import java.security.GeneralSecurityException;
import java.time.Instant;
import java.util.Base64;
import java.util.HexFormat;
import java.util.List;
import java.util.StringJoiner;

/** Signs bodies as Callout does, for tests of a receiver. It may be used by several threads. */
public final class Signer {
    private final List<Key> keys;

    /**
     * Makes a signer.
     *
     * @param keys {@code whsec_}, {@code whsk_} or ZITADEL's keys; each signs by every scheme that it can
     * @throws IllegalArgumentException if a text is none, or cannot sign
     */
    public Signer(List<String> keys) {
        this.keys = keys.stream().map(Key::parse).toList();
        if (this.keys.stream().anyMatch(key -> key.zitadel == null && key.privateKey == null)) {
            throw new IllegalArgumentException("a whpk_ key cannot sign");
        }
    }

    /**
     * Sets the headers of all signatures that the keys can make.
     *
     * @param headers where they are set
     * @param id      the delivery id: 1 to 255 visible ASCII characters, no dot
     * @param at      when the attempt was signed, in whole seconds
     * @param body    the body as it is sent
     */
    public void sign(Headers headers, String id, Instant at, byte[] body) {
        if (!StandardSignatures.isId(id)) {
            throw new IllegalArgumentException("a delivery id has 1 to 255 visible ASCII characters and no dot");
        }
        var stamp = Long.toString(at.getEpochSecond());
        var standard = new StringJoiner(" ");
        var zitadel = new StringJoiner(",", "t=" + stamp + ",", "");
        zitadel.setEmptyValue("");
        for (Key key : keys) {
            if (key.zitadel != null) {
                zitadel.add("v1=" + HexFormat.of().formatHex(key.zitadel.sign(stamp, body)));
            }
            if (key.standard != null) {
                standard.add("v1," + Base64.getEncoder().encodeToString(key.standard.sign(id + "." + stamp, body)));
            }
            if (key.privateKey != null) {
                standard.add("v1a," + Base64.getEncoder().encodeToString(asymmetric(key, id + "." + stamp, body)));
            }
        }
        headers.set(StandardSignatures.ID, id).set(StandardSignatures.TIMESTAMP, stamp);
        headers.set(StandardSignatures.SIGNATURE, standard.length() == 0 ? null : standard.toString());
        headers.set(ZitadelSignature.HEADER, zitadel.toString().isEmpty() ? null : zitadel.toString());
    }

    private static byte[] asymmetric(Key key, String prefix, byte[] body) {
        try {
            return Ed25519.sign(key.privateKey, StandardSignatures.message(prefix, body));
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException("the JDK does not sign with Ed25519", e);
        }
    }
}
