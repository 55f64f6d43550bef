package io.github.callouthq.callout.codec;

import com.fasterxml.jackson.annotation.JsonInclude;
import java.lang.reflect.Type;
import tools.jackson.databind.DeserializationFeature;
import tools.jackson.databind.ObjectMapper;
import tools.jackson.databind.json.JsonMapper;

/** The codec of Jackson 3, {@code tools.jackson.core:jackson-databind}, which you bring. */
public final class Jackson3Codec implements Codec {
    private final ObjectMapper mapper;

    /**
     * Makes one that passes over members that a type lacks, and leaves out those of a type that are null: in a change a null
     * takes a member out. An entry of a map that is null is written.
     */
    public Jackson3Codec() {
        this(JsonMapper.builder()
                .disable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES)
                .changeDefaultPropertyInclusion(all -> all.withValueInclusion(JsonInclude.Include.NON_NULL))
                .build());
    }

    /**
     * Makes one with a mapper of yours. Let it pass over members that a type lacks, since Callout adds some, and leave out
     * those that are null, unless a change of yours is to take them out.
     *
     * @param mapper the mapper
     */
    public Jackson3Codec(ObjectMapper mapper) {
        this.mapper = mapper;
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
