package dev.muser.service;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import dev.muser.linux.Errno;
import dev.muser.linux.EventFd;
import dev.muser.linux.Fd;
import dev.muser.linux.FileStatus;
import dev.muser.linux.MemoryFile;
import dev.muser.linux.SyscallException;
import java.time.Duration;
import java.util.Objects;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class KeptDescriptorsTest {
    private final ManagerSocket manager = new ManagerSocket();
    private final NotifySocket socket = new NotifySocket(manager.address, Duration.ofMillis(50));
    private final KeptDescriptors store = new KeptDescriptors(socket, 3);
    private final Fd memory = MemoryFile.create("state", 0x1000);
    private final Fd other = MemoryFile.create("other", 0x2000);

    @AfterEach
    void close() {
        store.close();
        socket.close();
        manager.close();
        memory.close();
        other.close();
    }

    private static long inode(Fd fd) {
        return FileStatus.of(fd).inode();
    }

    private long stored(String name) {
        try (var fd = Objects.requireNonNull(store.get(name))) {
            return inode(fd);
        }
    }

    @Test
    void shouldGiveTheManagerADuplicateWithItsName() {
        store.put("state", memory);
        assertThat(manager.received()).containsExactly("FDSTORE=1\nFDPOLL=0\nFDNAME=.state");
        assertThat(manager.descriptors).hasSize(1);
        assertThat(inode(manager.descriptors.getFirst())).isEqualTo(inode(memory));
        assertThat(store.names()).containsExactly("state");
        assertThat(store.isKept()).isTrue();
        assertThat(store.get("none")).isNull();
        memory.close();
        assertThat(stored("state")).isEqualTo(inode(manager.descriptors.getFirst()));
    }

    @Test
    void shouldSayHowManyMoreItTakes() {
        assertThat(store.room()).isEqualTo(3);
        var part = store.under("d0.");
        part.put("state", memory);
        part.put("state", other);
        assertThat(part.room()).isEqualTo(2);
        part.remove("state");
        assertThat(part.room()).isEqualTo(3);
    }

    @Test
    void shouldRemoveAReplacedOneFirst() {
        store.put("state", memory);
        store.put("state", other);
        assertThat(manager.received())
                .containsExactly(
                        "FDSTORE=1\nFDPOLL=0\nFDNAME=.state",
                        "FDSTOREREMOVE=1\nFDNAME=.state",
                        "FDSTORE=1\nFDPOLL=0\nFDNAME=.state");
        assertThat(stored("state")).isEqualTo(inode(other));
    }

    @Test
    void shouldTellOfARemovalOnce() {
        store.put("state", memory);
        store.remove("state");
        store.remove("state");
        assertThat(manager.received())
                .containsExactly(
                        "FDSTORE=1\nFDPOLL=0\nFDNAME=.state", "FDSTOREREMOVE=1\nFDNAME=.state");
        assertThat(store.names()).isEmpty();
    }

    @Test
    void shouldRefuseMoreThanTheManagerKeeps() {
        store.put("a", memory);
        store.put("b", memory);
        store.put("c", memory);
        assertThatExceptionOfType(SyscallException.class)
                .isThrownBy(() -> store.put("d", memory))
                .returns(Errno.ENOSPC, SyscallException::errno)
                .withMessageContaining("3 descriptors");
        store.put("c", other); // takes the place of one
        store.remove("a");
        store.put("d", memory);
        assertThat(store.names()).containsExactlyInAnyOrder("b", "c", "d");
    }

    @Test
    void shouldRefuseNamesThatTogetherDoNotFitIntoAnEnvironmentVariable() {
        try (var large = new KeptDescriptors(socket, 100_000)) {
            int names = DescriptorNames.MAX_TOGETHER / 256;
            for (int i = 0; i < names; i++) {
                large.put("%0254d".formatted(i), memory);
                manager.received();
                manager.descriptors.removeLast().close();
            }
            assertThatExceptionOfType(SyscallException.class)
                    .isThrownBy(() -> large.put("%0254d".formatted(names), memory))
                    .returns(Errno.ENOSPC, SyscallException::errno)
                    .withMessageContaining("names");
            assertThat(large.names()).hasSize(names);
        }
    }

    @Test
    void shouldRefuseNamesThatTheManagerWouldNotTake() {
        for (var bad : new String[] {"", "a:b", "a\nFDSTOREREMOVE=1", "\u00fc", "x".repeat(255)}) {
            assertThatIllegalArgumentException().isThrownBy(() -> store.put(bad, memory));
        }
        assertThat(manager.received()).isEmpty();
    }

    @Test
    void shouldGoOnWithoutAManager() {
        store.put("a", memory);
        manager.close();
        store.put("b", other);
        store.put("c", other);
        store.remove("a");
        assertThat(store.isKept()).isFalse();
        assertThat(store.names()).containsExactlyInAnyOrder("b", "c");
        assertThat(stored("b")).isEqualTo(inode(other));
    }

    @Test
    void shouldFailAfterATimeWhenTheManagerTakesNothing() {
        try (var large = new KeptDescriptors(socket, 100_000)) {
            assertThatExceptionOfType(SyscallException.class)
                    .isThrownBy(() -> {
                        for (int i = 0; i < 10_000; i++) {
                            large.put("n" + i, memory);
                        }
                    })
                    .returns(Errno.EAGAIN, SyscallException::errno)
                    .withMessageContaining("has taken nothing for 50 ms");
            // what was refused is not here, and the rest is
            assertThat(large.names()).hasSameSizeAs(manager.received()).isNotEmpty();
        }
    }

    @Test
    void shouldPassOnEverythingUnderTheManagersNames() {
        store.adopt("old", memory.duplicate());
        store.adopt("old", other.duplicate());
        try (var event = EventFd.create()) {
            store.put("irq", event);
        }
        assertThat(manager.received()).hasSize(1);
        assertThat(store.all())
                .extracting(NamedDescriptor::name)
                .containsExactlyInAnyOrder(".old", ".irq");
        assertThat(stored("old")).isEqualTo(inode(memory));
    }
}
