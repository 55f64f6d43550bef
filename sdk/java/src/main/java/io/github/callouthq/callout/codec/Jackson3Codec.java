package io.github.callouthq.callout.codec;

import com.fasterxml.jackson.annotation.JsonInclude.Include;
import java.lang.reflect.Type;
import tools.jackson.databind.DeserializationFeature;
import tools.jackson.databind.ObjectMapper;
import tools.jackson.databind.json.JsonMapper;

/** The codec of Jackson 3, {@code tools.jackson.core:jackson-databind}, which you bring. */
public final class Jackson3Codec implements Codec {
    private final ObjectMapper mapper;

    /** Makes one with a mapper that has nothing set. */
    public Jackson3Codec() {
        this(new JsonMapper());
    }

    /**
     * Makes one with a mapper of yours, that is with a copy of it, which differs in three things. It passes over members
     * that a type lacks, since Callout adds some. It leaves out those of a type that are null, or an empty Optional: in a
     * change a null takes a member out, and what a handler did not set is to stay. And it writes an entry of a map that is
     * null. What you have annotated a type with holds all the same, and a mapper that leaves out more still does.
     *
     * @param mapper the mapper, which stays as it is
     */
    public Jackson3Codec(ObjectMapper mapper) {
        this.mapper = mapper.rebuild()
                .disable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES)
                .changeDefaultPropertyInclusion(set -> set.withValueInclusion(least(set.getValueInclusion())).withContentInclusion(Include.ALWAYS))
                .build();
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
