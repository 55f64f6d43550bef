package io.github.callouthq.callout.sign;

import io.github.callouthq.callout.http.Headers;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;

/** The signatures of Standard Webhooks in the headers of one request. */
final class StandardSignatures {
    static final String ID = "webhook-id";
    static final String TIMESTAMP = "webhook-timestamp";
    static final String SIGNATURE = "webhook-signature";

    private static final int MAX_ENTRIES = 64;
    private static final int MAX_ID = 255;
    /** How many signatures more than it has keys a receiver tries: who signs may be ahead of it in exchanging keys. */
    static final int FEW_MORE = 4;

    private final List<byte[]> v1 = new ArrayList<>(2);
    private final List<byte[]> v1a = new ArrayList<>(2);

    /** Reads the header, or gives null where it does not stand. */
    static StandardSignatures read(Headers headers) throws NotGenuineException {
        var values = headers.all(SIGNATURE);
        if (values.isEmpty()) {
            return null;
        }
        var list = values.size() == 1 ? values.get(0) : String.join(" ", values);
        if (list.indexOf('\t') >= 0) {
            throw new NotGenuineException(SIGNATURE + ": a tab stands in it");
        }
        var out = new StandardSignatures();
        int entries = 0;
        for (String entry : list.replace(", ", " ").split(" ")) {
            if (!entry.isEmpty() && ++entries > MAX_ENTRIES) {
                throw new NotGenuineException(SIGNATURE + ": there are too many signatures");
            }
            out.add(entry);
        }
        return out;
    }

    private void add(String entry) {
        int comma = entry.indexOf(',');
        var version = comma < 0 ? "" : entry.substring(0, comma);
        var into = version.equals("v1") ? v1 : version.equals("v1a") ? v1a : null;
        var raw = into == null ? null : Base64Text.standard(entry.substring(comma + 1));
        if (raw != null) {
            into.add(raw);
        }
    }

    /** Tells whether one is there that could be checked with a key of this form. */
    boolean holds(Key key) {
        return key.standard != null && !v1.isEmpty() || key.publicKey != null && !v1a.isEmpty();
    }

    /** Checks them, and gives the delivery id. */
    String verify(Headers headers, byte[] body, Instant now, List<Key> keys, int known) throws NotGenuineException {
        var id = headers.one(ID);
        if (id == null || !isId(id)) {
            throw new NotGenuineException(ID + ": the id is missing or malformed");
        }
        var stamp = headers.one(TIMESTAMP);
        Stamp.check(stamp, TIMESTAMP, now);
        if (v1.size() + v1a.size() > known + FEW_MORE) {
            throw new NotGenuineException(SIGNATURE + ": there are many more signatures than keys");
        }
        var prefix = id + "." + stamp;
        for (Key key : keys) {
            if (key.standard != null && fits(key.standard.sign(prefix, body)) || key.publicKey != null && fits(key, prefix, body)) {
                return id;
            }
        }
        throw new NotGenuineException(SIGNATURE + ": no signature fits; is the key the right one, and the body as it came?");
    }

    private boolean fits(byte[] want) {
        boolean found = false;
        for (byte[] have : v1) {
            found |= MessageDigest.isEqual(want, have);
        }
        return found;
    }

    private boolean fits(Key key, String prefix, byte[] body) {
        var message = message(prefix, body);
        for (byte[] have : v1a) {
            if (Ed25519.verify(key.publicKey, message, have)) {
                return true;
            }
        }
        return false;
    }

    static byte[] message(String prefix, byte[] body) {
        var head = (prefix + ".").getBytes(StandardCharsets.UTF_8);
        var out = new byte[head.length + body.length];
        System.arraycopy(head, 0, out, 0, head.length);
        System.arraycopy(body, 0, out, head.length, body.length);
        return out;
    }

    /** A dot in an id would let the bounds between id, time and body move. */
    static boolean isId(String id) {
        return !id.isEmpty() && id.length() <= MAX_ID && id.chars().allMatch(c -> c > ' ' && c <= '~' && c != '.');
    }
}
