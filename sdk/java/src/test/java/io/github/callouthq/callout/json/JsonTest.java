package io.github.callouthq.callout.json;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class JsonTest {
    private static byte[] utf8(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    private static String again(String text) {
        return new String(Json.write(Json.read(utf8(text))), StandardCharsets.UTF_8);
    }

    @ParameterizedTest
    @ValueSource(strings = {
        "", " ", "{", "}", "[1", "[1,]", "[,1]", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{a:1}", "{\"a\" 1}", "{'a':1}", "nul", "nulll", "truefalse",
        "NaN", "Infinity", "-Infinity", "+1", "01", "-01", "1.", ".5", "1e", "1e+", "0x1", "--1", "-", "\"", "\"\\\"", "\"\\x\"", "\"\\u12g4\"",
        "\"\\u123", "\"a\nb\"", "\"a\tb\"", "{} {}", "[] x", "1 2", "\ufeff{}", "[1]//c", "/**/1", "\u00a0{}"})
    void refusesWhatIsNone(String text) {
        assertThrows(JsonException.class, () -> Json.read(utf8(text)), text);
    }

    @ParameterizedTest
    @ValueSource(strings = {
        "{}", "[]", "null", "true", "false", "0", "-1", "9007199254740993", "9223372036854775807", "-9223372036854775808", "18446744073709551616",
        "1.0", "0.1", "1.50", "-0", "\"\"", "\"a\\\"b\\\\c\"", "\"ä€😀\"", "[[[]]]", "{\"a\":{\"b\":[1,2,{\"c\":null}]},\"d\":\"e\"}", "\"\\ud800\"",
        "1e99999999999999999999"})
    void givesBackWhatItRead(String text) {
        assertEquals(text, again(text));
    }

    @Test
    void readsValues() {
        assertEquals(1L, Json.read(utf8(" 1 ")));
        assertEquals(new BigInteger("18446744073709551615"), Json.read(utf8("18446744073709551615")));
        assertEquals(new BigDecimal("1E+2"), Json.read(utf8("1e2")));
        assertEquals("\b\f\n\r\t/\"\\A😀", Json.read(utf8("\"\\b\\f\\n\\r\\t\\/\\\"\\\\\\u0041\\ud83d\\ude00\"")));
        assertEquals(Map.of("a", 2L), Json.read(utf8("{\"a\":1,\"a\":2}")), "the last of two members counts");
    }

    @Test
    void takesLongNumbersInNoTime() {
        long began = System.nanoTime();
        var digits = "1".repeat(1 << 20);
        assertEquals(digits, again(digits));
        assertTrue(System.nanoTime() - began < 60_000_000_000L);
    }

    @Test
    void refusesWhatIsNotUtf8() {
        for (byte[] bad : new byte[][] {{'"', (byte) 0xff, '"'}, {'"', (byte) 0xc0, (byte) 0x80, '"'}, {'"', (byte) 0xed, (byte) 0xa0, (byte) 0x80, '"'}}) {
            assertThrows(JsonException.class, () -> Json.read(bad));
        }
    }

    @Test
    void boundsDepth() {
        Json.read(utf8("[".repeat(128) + "]".repeat(128)));
        assertThrows(JsonException.class, () -> Json.read(utf8("[".repeat(129) + "]".repeat(129))));
        assertThrows(JsonException.class, () -> Json.read(utf8("[".repeat(1_000_000))));
        Json.scan(utf8("{\"a\":" + "[".repeat(127) + "]".repeat(127) + "}"));
        assertThrows(JsonException.class, () -> Json.scan(utf8("{\"a\":" + "[".repeat(128) + "]".repeat(128) + "}")));
    }

    @Test
    void writesNoNonsense() {
        var self = new LinkedHashMap<String, Object>();
        self.put("self", self);
        for (Object bad : new Object[] {self, Double.NaN, Float.POSITIVE_INFINITY, new Object(), Map.of(1, 2)}) {
            assertThrows(JsonException.class, () -> Json.write(bad));
        }
        assertEquals("{\"a\":[1,2.5,\"x\\u0001\\n\"]}", new String(Json.write(Map.of("a", List.of(1, 2.5, "x\u0001\n"))), StandardCharsets.UTF_8));
    }

    @Test
    void scansToWhereMembersStand() {
        var json = utf8(" { \"a\" : [1, {\"b\":2}] , \"\\u0062\":\"c\"} ");
        var members = Json.scan(json);
        assertEquals(List.of("a", "b"), members.stream().map(Member::name).toList());
        assertEquals("[1, {\"b\":2}]", new String(json, members.get(0).from(), members.get(0).to() - members.get(0).from(), StandardCharsets.UTF_8));
        assertEquals("c", Json.value(json, members.get(1)));
        assertThrows(JsonException.class, () -> Json.scan(utf8("[]")));
    }

    /** Whatever the bytes are, they are read, or refused by the one exception. */
    @Test
    void survivesAnything() {
        var random = new Random(7);
        var seeds = new String[] {"{\"a\":[1,2.5e3,\"\\u00e4\",true,null],\"b\":{\"c\":\"d\"}}", "[\"\\ud83d\\ude00\",-0.0]"};
        for (int n = 0; n < 100_000; n++) {
            var json = utf8(seeds[n % seeds.length]);
            for (int flips = random.nextInt(4); flips >= 0; flips--) {
                json[random.nextInt(json.length)] = (byte) random.nextInt(256);
            }
            try {
                var value = Json.read(json);
                assertArrayEquals(Json.write(value), Json.write(Json.read(Json.write(value))));
            } catch (JsonException e) {
                continue;
            }
        }
    }
}
