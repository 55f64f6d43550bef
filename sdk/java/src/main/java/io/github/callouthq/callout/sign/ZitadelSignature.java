package io.github.callouthq.callout.sign;

import io.github.callouthq.callout.http.Headers;
import java.security.MessageDigest;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;

/** The signature of ZITADEL's scheme: {@code t=SECONDS,v1=HEX[,v1=HEX]}. */
final class ZitadelSignature {
    static final String HEADER = "ZITADEL-Signature";

    private static final int MAX_ELEMENTS = 64;
    private static final int HEX_DIGITS = 64;

    private ZitadelSignature() {}

    static void verify(Headers headers, byte[] body, Instant now, List<Key> keys, int known) throws NotGenuineException {
        var header = headers.one(HEADER);
        var elements = header == null ? new String[0] : header.split(",", -1);
        if (elements.length == 0 || elements.length > MAX_ELEMENTS) {
            throw refuse("the signature is missing or malformed");
        }
        var signatures = new ArrayList<byte[]>(2);
        String stamp = null;
        for (String element : elements) {
            var part = element.startsWith(" ") ? element.replaceFirst("^ +", "") : element;
            if (part.startsWith("t=") || part.equals("t")) {
                if (stamp != null) {
                    throw refuse("the signature has no single timestamp");
                }
                stamp = part.equals("t") ? "" : part.substring(2);
            } else if (part.startsWith("v1=") && isHex(part, 3)) {
                signatures.add(HexFormat.of().parseHex(part, 3, part.length()));
            }
        }
        Stamp.check(stamp, HEADER, now);
        if (signatures.size() > known + StandardSignatures.FEW_MORE) {
            throw refuse("there are many more signatures than keys");
        }
        if (!fits(signatures, stamp, body, keys)) {
            throw refuse("no signature fits; is the key the right one, and the body as it came?");
        }
    }

    private static boolean fits(List<byte[]> signatures, String stamp, byte[] body, List<Key> keys) {
        boolean found = false;
        for (Key key : keys) {
            if (key.zitadel == null) {
                continue;
            }
            var want = key.zitadel.sign(stamp, body);
            for (byte[] have : signatures) {
                found |= MessageDigest.isEqual(want, have);
            }
        }
        return found;
    }

    private static boolean isHex(String text, int from) {
        return text.length() - from == HEX_DIGITS
                && text.chars().skip(from).allMatch(c -> c >= '0' && c <= '9' || c >= 'a' && c <= 'f');
    }

    private static NotGenuineException refuse(String why) {
        return new NotGenuineException(HEADER + ": " + why);
    }
}
