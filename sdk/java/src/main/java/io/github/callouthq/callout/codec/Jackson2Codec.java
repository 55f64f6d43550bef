package io.github.callouthq.callout.codec;

import com.fasterxml.jackson.annotation.JsonInclude.Include;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.lang.reflect.Type;

/** The codec of Jackson 2, {@code com.fasterxml.jackson.core:jackson-databind}, which you bring. */
public final class Jackson2Codec implements Codec {
    private final ObjectMapper mapper;

    /** Makes one with a mapper that has nothing set. */
    public Jackson2Codec() {
        this(new JsonMapper());
    }

    /**
     * Makes one with a mapper of yours, that is with a copy of it, which differs in three things. It passes over members
     * that a type lacks, since Callout adds some. It leaves out those of a type that are null, or an empty Optional: in a
     * change a null takes a member out, and what a handler did not set is to stay. And it writes an entry of a map that is
     * null. What you have annotated a type with holds all the same, and a mapper that leaves out more still does.
     *
     * @param mapper the mapper, which stays as it is
     * @throws IllegalStateException if it is of a class that cannot be copied: one of your own overrides {@code copy}
     */
    public Jackson2Codec(ObjectMapper mapper) {
        this.mapper = mapper.copy().disable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES);
        var set = mapper.getSerializationConfig().getDefaultPropertyInclusion();
        this.mapper.setDefaultPropertyInclusion(set.withValueInclusion(least(set.getValueInclusion())).withContentInclusion(Include.ALWAYS));
    }

    private static Include least(Include set) {
        return switch (set) {
            case ALWAYS, USE_DEFAULTS, NON_NULL -> Include.NON_ABSENT;
            default -> set;
        };
    }

    @Override
    public Object read(byte[] json, int from, int to, Type type) throws Exception {
        return mapper.readValue(json, from, to - from, mapper.constructType(type));
    }

    @Override
    public byte[] write(Object value) throws Exception {
        return mapper.writeValueAsBytes(value);
    }
}
