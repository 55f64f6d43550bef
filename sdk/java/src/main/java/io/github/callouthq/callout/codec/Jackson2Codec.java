package io.github.callouthq.callout.codec;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.lang.reflect.Type;

/** The codec of Jackson 2, {@code com.fasterxml.jackson.core:jackson-databind}, which you bring. */
public final class Jackson2Codec implements Codec {
    private final ObjectMapper mapper;

    /**
     * Makes one that passes over members that a type lacks, and leaves out those of a type that are null: in a change a null
     * takes a member out. An entry of a map that is null is written.
     */
    public Jackson2Codec() {
        this(JsonMapper.builder()
                .disable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES)
                .defaultPropertyInclusion(JsonInclude.Value.construct(JsonInclude.Include.NON_NULL, JsonInclude.Include.ALWAYS))
                .build());
    }

    /**
     * Makes one with a mapper of yours. Let it pass over members that a type lacks, since Callout adds some, and leave out
     * those that are null, unless a change of yours is to take them out.
     *
     * @param mapper the mapper
     */
    public Jackson2Codec(ObjectMapper mapper) {
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
