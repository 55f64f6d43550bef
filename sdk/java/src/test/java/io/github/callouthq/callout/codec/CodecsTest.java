package io.github.callouthq.callout.codec;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.fasterxml.jackson.annotation.JsonInclude.Include;
import io.github.callouthq.callout.Answer;
import io.github.callouthq.callout.Callout;
import io.github.callouthq.callout.testing.TestDelivery;
import java.math.BigDecimal;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

class CodecsTest {
    enum Color { RED, GREEN }

    record Part(String name, int size) {}

    record Whole(
            String text, long number, int missing, Boolean flag, double real, BigDecimal exact, Color color, List<Part> parts,
            Map<String, Part> byName, Set<String> tags, Optional<String> note, Optional<Part> none, Object any, Part inner) {}

    private static final String WHOLE = "{\"text\":\"a\",\"number\":\"9007199254740993\",\"flag\":true,\"real\":1,\"exact\":1.10,\"color\":\"GREEN\","
            + "\"parts\":[{\"name\":\"x\",\"size\":1,\"unknown\":[1]}],\"byName\":{\"y\":{\"name\":\"y\",\"size\":2}},\"tags\":[\"t\",\"t\"],\"note\":\"n\","
            + "\"any\":{\"k\":[1]},\"inner\":null}";

    private final RecordCodec codec = new RecordCodec();

    private Object read(String json, Class<?> type) throws Exception {
        var bytes = json.getBytes(StandardCharsets.UTF_8);
        return codec.read(bytes, 0, bytes.length, type);
    }

    @Test
    void recordsAreReadAndWritten() throws Exception {
        var whole = (Whole) read(WHOLE, Whole.class);
        var want = new Whole("a", 9007199254740993L, 0, true, 1.0, new BigDecimal("1.10"), Color.GREEN, List.of(new Part("x", 1)),
                Map.of("y", new Part("y", 2)), Set.of("t"), Optional.of("n"), Optional.empty(), Map.of("k", List.of(1L)), null);
        assertEquals(want, whole);
        var written = new String(codec.write(whole), StandardCharsets.UTF_8);
        assertEquals(want, read(written, Whole.class));
        assertEquals("{\"name\":\"x\",\"size\":0}", new String(codec.write(new Part("x", 0)), StandardCharsets.UTF_8));
        assertNull(read("null", Whole.class));
    }

    @ParameterizedTest
    @ValueSource(strings = {
        "{\"text\":1}", "{\"number\":1.5}", "{\"number\":\"x\"}", "{\"number\":\"\"}", "{\"missing\":3000000000}", "{\"flag\":\"true\"}", "{\"flag\":1}", "{\"real\":\"1\"}",
        "{\"color\":\"BLUE\"}", "{\"parts\":{}}", "{\"parts\":[1]}", "{\"byName\":[]}", "{\"number\":1e999999999}", "{\"inner\":[]}", "[]", "1"})
    void whatDoesNotFitIsRefused(String json) {
        assertThrows(IllegalArgumentException.class, () -> read(json, Whole.class), json);
    }

    @Test
    void whatHoldsItselfIsRefused() {
        var list = new java.util.ArrayList<Object>();
        list.add(list);
        assertThrows(IllegalArgumentException.class, () -> codec.write(Map.of("a", list)));
    }

    record User(String first, String last, long id) {}

    record Changed(String displayName) {}

    static List<Codec> codecs() {
        return List.of(
                new RecordCodec(),
                new Jackson2Codec(),
                new Jackson3Codec(),
                // Mappers of one's own: with nothing set, and with the other end of everything that the codec needs.
                new Jackson2Codec(new com.fasterxml.jackson.databind.ObjectMapper()),
                new Jackson3Codec(new tools.jackson.databind.ObjectMapper()),
                new Jackson2Codec(new com.fasterxml.jackson.databind.ObjectMapper()
                        .setSerializationInclusion(Include.ALWAYS)
                        .enable(com.fasterxml.jackson.databind.DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES)),
                new Jackson3Codec(tools.jackson.databind.json.JsonMapper.builder()
                        .changeDefaultPropertyInclusion(set -> set.withValueInclusion(Include.ALWAYS).withContentInclusion(Include.ALWAYS))
                        .enable(tools.jackson.databind.DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES)
                        .build()),
                new Jackson2Codec(new com.fasterxml.jackson.databind.ObjectMapper().setSerializationInclusion(Include.NON_NULL)),
                new Jackson3Codec(tools.jackson.databind.json.JsonMapper.builder()
                        .changeDefaultPropertyInclusion(set -> set.withValueInclusion(Include.NON_EMPTY).withContentInclusion(Include.NON_NULL))
                        .build()));
    }

    record Noted(Optional<String> note, long id) {}

    record Listed(List<String> tags, String name) {}

    @Test
    void anEmptyOptionalIsLeftOutOfAChange() throws Exception {
        for (var each : List.of(new RecordCodec(), new Jackson3Codec(), new Jackson3Codec(new tools.jackson.databind.ObjectMapper()))) {
            assertEquals("{\"id\":1}", new String(each.write(new Noted(Optional.empty(), 1)), StandardCharsets.UTF_8));
        }
    }

    @Test
    void aMapperKeepsWhatElseItHas() throws Exception {
        var two = new com.fasterxml.jackson.databind.ObjectMapper()
                .setSerializationInclusion(Include.NON_EMPTY)
                .setPropertyNamingStrategy(com.fasterxml.jackson.databind.PropertyNamingStrategies.UPPER_CAMEL_CASE);
        var three = tools.jackson.databind.json.JsonMapper.builder()
                .changeDefaultPropertyInclusion(set -> set.withValueInclusion(Include.NON_EMPTY))
                .propertyNamingStrategy(tools.jackson.databind.PropertyNamingStrategies.UPPER_CAMEL_CASE)
                .build();
        var listed = new Listed(List.of(), "a");
        for (var each : List.of(new Jackson2Codec(two), new Jackson3Codec(three))) {
            assertEquals("{\"Name\":\"a\"}", new String(each.write(listed), StandardCharsets.UTF_8));
        }
        var plain = new com.fasterxml.jackson.databind.ObjectMapper();
        new Jackson2Codec(plain);
        assertEquals("{\"tags\":null,\"name\":null}", plain.writeValueAsString(new Listed(null, null)), "yours stays as it is");
    }

    @ParameterizedTest
    @MethodSource("codecs")
    void handlersWorkWithEachCodec(Codec each) {
        try (var hooks = Callout.builder().key(TestDelivery.KEY).codec(each).build()) {
            hooks.request("/p.S/M", User.class, call -> Answer.change(new Changed(call.request().first() + " " + call.request().last())));
            hooks.function("f", Map.class, body -> Answer.claim("uid", ((Map<?, ?>) body.get("user")).get("id")));
            var user = Map.of("first", "Ada", "last", "Lovelace", "id", "9007199254740993", "unknown", List.of(1));
            assertEquals(Map.of("displayName", "Ada Lovelace"), TestDelivery.request("/p.S/M", user).sendTo(hooks).json());
            var claims = TestDelivery.function("f", Map.of("user", Map.of("id", "u1"))).sendTo(hooks);
            assertEquals("{\"append_claims\":[{\"key\":\"uid\",\"value\":\"u1\"}]}", new String(claims.body(), StandardCharsets.UTF_8));
            assertEquals(500, TestDelivery.request("/p.S/M", Map.of("first", List.of())).sendTo(hooks).status());
        }
    }

    @ParameterizedTest
    @MethodSource("codecs")
    void aMemberThatIsNotSetIsLeftOutOfAChange(Codec each) throws Exception {
        assertEquals("{\"id\":1}", new String(each.write(new User(null, null, 1)), StandardCharsets.UTF_8));
        var takesOut = new java.util.HashMap<String, Object>();
        takesOut.put("first", null);
        assertEquals("{\"first\":null}", new String(each.write(takesOut), StandardCharsets.UTF_8));
    }
}
