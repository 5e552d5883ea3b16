package dev.muser.service;

import static org.assertj.core.api.Assertions.assertThat;

import dev.muser.linux.EventFd;
import java.util.Objects;
import org.junit.jupiter.api.Test;

final class StorePartTest {
    @Test
    void hasWhatBeginsWithItsPrefixAndNoMore() {
        try (var whole = new LocalStore();
                var fd = EventFd.create()) {
            var part = whole.under("d1.");
            part.put("state", fd);
            whole.put("d10.state", fd);
            whole.put("state", fd);
            assertThat(part.names()).containsExactly("state");
            EventFd.signal(fd);
            try (var same = part.get("state")) {
                assertThat(EventFd.take(Objects.requireNonNull(same))).isEqualTo(1);
            }
            assertThat(part.get("other")).isNull();
            assertThat(whole.names()).containsExactlyInAnyOrder("d1.state", "d10.state", "state");
            part.remove("state");
            assertThat(whole.names()).containsExactlyInAnyOrder("d10.state", "state");
        }
    }
}
