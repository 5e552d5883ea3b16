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
import java.util.ArrayList;
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

    /** One process keeps many devices, in one store. */
    @Test
    void shouldLeaveRoomForTheClientsOfOtherDevices() {
        var store = new LocalStore();
        var kept = new ArrayList<Integer>();
        for (int i = 0; i < 5; i++) {
            kept.add(fill(new KeptDescriptors(new LimitedPart(store, 100))));
        }
        assertThat(kept).containsExactly(50, 25, 13, 6, 3);
    }

    private record LimitedPart(LocalStore whole, int capacity) implements DescriptorStore {
        @Override
        public Set<String> names() {
            return Set.of();
        }

        @Override
        public int room() {
            return capacity - whole.names().size();
        }

        @Override
        public @Nullable Fd get(String name) {
            return whole.get(name);
        }

        @Override
        public void put(String name, Fd fd) {
            whole.put(name, fd);
        }

        @Override
        public void remove(String name) {
            whole.remove(name);
        }
    }

    private static int fill(KeptDescriptors kept) {
        for (int n = 0; ; n++) {
            try (var file = MemoryFile.create("file", 8)) {
                kept.hold(file);
            } catch (VfioException e) {
                assertThat(e.errno()).isEqualTo(Errno.ENOSPC);
                return n;
            }
        }
    }
}
