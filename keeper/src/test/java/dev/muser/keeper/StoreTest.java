package dev.muser.keeper;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;

import dev.muser.linux.Fd;
import dev.muser.linux.FileStatus;
import dev.muser.linux.MemoryFile;
import dev.muser.linux.MessageSender;
import dev.muser.linux.UnixDatagramSocket;
import dev.muser.service.NamedDescriptor;
import java.io.File;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Collections;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** What the keeper keeps, told over its socket. */
class StoreTest {
    private static final long PID = ProcessHandle.current().pid();

    private final NotifyListener listener = new NotifyListener();
    private final UnixDatagramSocket socket = UnixDatagramSocket.connect(listener.address());
    private final Store store = new Store(listener, 3);
    private final Fd memory = MemoryFile.create("kept", 1);
    private final Fd other = MemoryFile.create("other", 2);

    @AfterEach
    void close() {
        store.close();
        socket.close();
        listener.close();
        memory.close();
        other.close();
    }

    private void send(String text, List<Fd> descriptors) {
        try (var arena = Arena.ofConfined()) {
            var buffer = arena.allocate(text.length() + 1L);
            MemorySegment.copy(text.getBytes(US_ASCII), 0, buffer, JAVA_BYTE, 0, text.length());
            int sent = new MessageSender().send(socket, buffer, 0, text.length(), descriptors, 0);
            assertThat(sent).isEqualTo(text.length());
        }
    }

    private void tell(String text, Fd... descriptors) {
        send(text, List.of(descriptors));
        assertThat(listener.next()).isTrue();
        store.hear(Objects.requireNonNull(listener.from(PID)));
        listener.done();
    }

    private void assertKept(String name, Fd file) {
        assertThat(store.all())
                .filteredOn(each -> each.name().equals(name))
                .singleElement()
                .extracting(each -> FileStatus.of(each.fd()).inode())
                .isEqualTo(FileStatus.of(file).inode());
    }

    private static int openDescriptors() {
        return Objects.requireNonNull(new File("/proc/self/fd").list()).length;
    }

    @Test
    void shouldKeepAndForget() {
        tell("FDSTORE=1\nFDNAME=a", memory);
        tell("FDSTORE=1\nFDNAME=b", other);
        assertKept("a", memory);
        assertKept("b", other);
        tell("FDSTOREREMOVE=1\nFDNAME=a");
        tell("FDSTOREREMOVE=1\nFDNAME=none");
        tell("FDSTOREREMOVE=1");
        assertThat(store.all()).extracting(NamedDescriptor::name).containsExactly("b");
    }

    @Test
    void shouldKeepTheLastOfAName() {
        int before = openDescriptors();
        tell("FDSTORE=1\nFDNAME=a", memory);
        tell("FDSTORE=1\nFDNAME=a", other);
        assertKept("a", other);
        tell("FDSTORE=1", memory, other);
        assertKept("stored", other);
        assertThat(openDescriptors()).isEqualTo(before + 2);
    }

    @Test
    void shouldCloseWhatItHasNoRoomFor() {
        int before = openDescriptors();
        for (int i = 0; i < 10; i++) {
            tell("FDSTORE=1\nFDNAME=n" + i, memory);
        }
        assertThat(store.all()).extracting(NamedDescriptor::name).containsExactly("n0", "n1", "n2");
        assertThat(openDescriptors()).isEqualTo(before + 3);
        tell("FDSTORE=1\nFDNAME=n1", other); // in the place of one
        assertKept("n1", other);
    }

    @Test
    void shouldNotKeepMoreNamesThanAnEnvironmentVariableHolds() {
        var names = "x".repeat(250);
        try (var large = new Store(listener, 100_000)) {
            int kept = 0;
            while (large.put(names + kept, memory.duplicate())) {
                kept++;
            }
            assertThat(large.size()).isEqualTo(kept);
            int length = large.all().stream().mapToInt(each -> each.name().length() + 1).sum();
            // MAX_ARG_STRLEN of Linux, 32 pages
            assertThat("LISTEN_FDNAMES=".length() + length + 1).isLessThan(131072);
        }
    }

    @Test
    void shouldCloseWhatComesWithOtherMessages() {
        int before = openDescriptors();
        tell("READY=1", memory, other);
        tell("BARRIER=1", memory);
        send("FDSTORE=1\nFDNAME=stranger", Collections.nCopies(253, memory));
        assertThat(listener.next()).isTrue();
        assertThat(listener.from(PID + 1)).isNull();
        listener.done();
        assertThat(openDescriptors()).isEqualTo(before);
        assertThat(store.all()).isEmpty();
    }

    @Test
    void shouldDropAMessageThatIsTooLong() {
        send("READY=1\n" + "x".repeat(4089), List.of());
        assertThat(listener.next()).isTrue();
        assertThat(listener.from(PID)).isNull();
        send("READY=1\n" + "x".repeat(4088), List.of());
        assertThat(listener.next()).isTrue();
        assertThat(Objects.requireNonNull(listener.from(PID)).ready).isTrue();
        assertThat(listener.next()).isFalse();
    }
}
