package dev.muser.service;

import static org.assertj.core.api.Assertions.assertThat;

import dev.muser.linux.EventFd;
import dev.muser.linux.Fd;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

final class StorePartTest {
    private static final class MapStore implements DescriptorStore {
        final Map<String, Fd> kept = new HashMap<>();

        @Override
        public Set<String> names() {
            return kept.keySet();
        }

        @Override
        public @Nullable Fd get(String name) {
            return kept.get(name);
        }

        @Override
        public void put(String name, Fd fd) {
            kept.put(name, fd);
        }

        @Override
        public void remove(String name) {
            kept.remove(name);
        }
    }

    @Test
    void hasWhatBeginsWithItsPrefixAndNoMore() {
        var whole = new MapStore();
        try (var fd = EventFd.create()) {
            var part = whole.under("d1.");
            part.put("state", fd);
            whole.put("d10.state", fd);
            whole.put("state", fd);
            assertThat(part.names()).containsExactly("state");
            assertThat(part.get("state")).isSameAs(fd);
            assertThat(whole.names()).containsExactlyInAnyOrder("d1.state", "d10.state", "state");
            part.remove("state");
            assertThat(whole.names()).containsExactlyInAnyOrder("d10.state", "state");
        }
    }
}
