package dev.muser.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.muser.device.VfioException;
import dev.muser.linux.Errno;
import dev.muser.linux.Fd;
import dev.muser.linux.MemoryFile;
import dev.muser.linux.SyscallException;
import dev.muser.service.DescriptorStore;
import dev.muser.service.LocalStore;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class KeptDescriptorsTest {
    /** A store of two places. */
    private static final class SmallStore implements DescriptorStore {
        private final LocalStore places = new LocalStore();

        @Override
        public Set<String> names() {
            return places.names();
        }

        @Override
        public @Nullable Fd get(String name) {
            return places.get(name);
        }

        @Override
        public void put(String name, Fd fd) {
            if (names().size() == 2) {
                throw new SyscallException("keep " + name, Errno.ENOSPC);
            }
            places.put(name, fd);
        }

        @Override
        public void remove(String name) {
            places.remove(name);
        }
    }

    @Test
    void shouldRefuseWhatTheStoreHasNoRoomForUntilSomethingIsDropped() {
        var store = new SmallStore();
        var kept = new KeptDescriptors(store);
        try (var first = MemoryFile.create("first", 8);
                var second = MemoryFile.create("second", 8);
                var third = MemoryFile.create("third", 8)) {
            var held = kept.hold(first);
            kept.hold(second);
            assertThatExceptionOfType(VfioException.class)
                    .isThrownBy(() -> kept.hold(third))
                    .returns(Errno.ENOSPC, VfioException::errno);
            kept.hold(first); // needs no place
            kept.drop(held);
            kept.drop(held);
            kept.forget();
            assertThat(store.names()).containsExactly(FdIdentity.of(second).name());
            kept.hold(third);
            assertThat(store.names()).hasSize(2);
        }
    }
}
