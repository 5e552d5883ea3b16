package dev.muser.conform;

import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.jr.ob.JSON;

/** What a client proposes, as far as the fake server looks at it. */
record FakeProposal(boolean writeMultiple, boolean maxDmaMaps) {
    private static final Set<String> NUMBERS =
            Set.of("max_msg_fds", "max_data_xfer_size", "max_dma_maps", "pgsizes");

    /** Reads the payload of VERSION; null when it is not as it should be. */
    static @Nullable FakeProposal of(byte[] payload) {
        if (payload.length == 4) {
            return new FakeProposal(false, false);
        }
        if (payload[payload.length - 1] != 0) {
            return null;
        }
        try {
            var bytes = ByteBuffer.wrap(payload, 4, payload.length - 5);
            var text = StandardCharsets.UTF_8.newDecoder().decode(bytes).toString();
            var capabilities = JSON.std.mapFrom(text).getOrDefault("capabilities", Map.of());
            return capabilities instanceof Map<?, ?> map ? of(map) : null;
        } catch (CharacterCodingException | JacksonException e) {
            return null;
        }
    }

    private static @Nullable FakeProposal of(Map<?, ?> capabilities) {
        for (var key : NUMBERS) {
            var value = capabilities.get(key);
            boolean whole = value instanceof Integer || value instanceof Long;
            if (value != null && (!whole || value instanceof BigInteger)) {
                return null;
            }
            long least = key.equals("max_msg_fds") ? 0 : 1;
            if (value instanceof Number n && n.longValue() < least) {
                return null;
            }
        }
        var multiple = capabilities.get("write_multiple");
        var twin = capabilities.get("twin_socket");
        if ((multiple != null && !(multiple instanceof Boolean))
                || (twin != null && !(twin instanceof Map))) {
            return null;
        }
        return new FakeProposal(
                Boolean.TRUE.equals(multiple), capabilities.containsKey("max_dma_maps"));
    }
}
