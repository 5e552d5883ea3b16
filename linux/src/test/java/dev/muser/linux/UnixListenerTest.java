package dev.muser.linux;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

@ExtendWith(DescriptorLeaks.class)
class UnixListenerTest {
    @TempDir private Path folder = Path.of("/");

    private Path path() {
        return folder.resolve("device.sock");
    }

    private List<Path> contents() throws IOException {
        try (var files = Files.list(folder)) {
            return files.toList();
        }
    }

    private static SyscallException refused(int errno, Runnable call) {
        var thrown = new ArrayList<SyscallException>();
        assertThatExceptionOfType(SyscallException.class)
                .isThrownBy(call::run)
                .returns(errno, SyscallException::errno)
                .satisfies(thrown::add);
        return thrown.getFirst();
    }

    @Test
    void shouldAcceptClientsInTheirOrder() {
        try (var listener = UnixListener.bind(path(), 4)) {
            assertThat(listener.accept()).isNull();
            try (var first = UnixSocket.connect(path());
                    var accepted = listener.accept()) {
                assertThat(accepted).isNotNull();
                assertThat(first.peer().pid()).isEqualTo((int) ProcessHandle.current().pid());
                assertThat(listener.accept()).isNull();
                assertThat(UnixListener.isListening(listener.fd())).isTrue();
                assertThat(UnixListener.isListening(first.fd())).isFalse();
            }
        }
    }

    @Test
    void shouldBeForItsOwnerAloneAndLeaveNothing() throws IOException {
        try (var listener = UnixListener.bind(path(), 1)) {
            assertThat(listener.fd().isOpen()).isTrue();
            assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(path())))
                    .isEqualTo("rw-------");
            assertThat(contents()).containsExactly(path());
        }
        assertThat(contents()).isEmpty();
    }

    @Test
    void shouldReplaceASocketThatNobodyListensOn() {
        leaveDeadSocket();
        try (var listener = UnixListener.bind(path(), 1);
                var client = UnixSocket.connect(path());
                var accepted = listener.accept()) {
            assertThat(listener.fd().isOpen()).isTrue();
            assertThat(accepted).isNotNull();
            assertThat(client.fd().isOpen()).isTrue();
        }
    }

    /** Leaves a socket file whose server is gone. */
    private void leaveDeadSocket() {
        UnixListener.bind(path(), 1).fd().close();
        assertThat(Files.exists(path(), LinkOption.NOFOLLOW_LINKS)).isTrue();
    }

    @Test
    void shouldRefuseToReplaceALiveServer() {
        try (var listener = UnixListener.bind(path(), 4)) {
            var e = refused(Errno.EADDRINUSE, () -> UnixListener.bind(path(), 4).close());
            assertThat(e).hasMessageContaining(path().toString());
            try (var client = UnixSocket.connect(path())) {
                assertThat(client.fd().isOpen()).isTrue();
            }
            assertThat(listener.fd().isOpen()).isTrue();
        }
    }

    @Test
    void shouldRefuseToReplaceALiveServerWhoseQueueIsFull() {
        var waiting = new ArrayList<UnixSocket>();
        try (var listener = UnixListener.bind(path(), 0)) {
            int errno = 0;
            while (errno == 0 && waiting.size() < 100) {
                try {
                    waiting.add(UnixSocket.connect(path(), Duration.ofMillis(10)));
                } catch (SyscallException e) {
                    errno = e.errno();
                }
            }
            assertThat(errno).isEqualTo(Errno.EAGAIN);
            refused(Errno.EADDRINUSE, () -> UnixListener.bind(path(), 4).close());
            assertThat(listener.fd().isOpen()).isTrue();
        } finally {
            waiting.forEach(UnixSocket::close);
        }
    }

    @Test
    void shouldRefuseToReplaceWhatIsNoSocket() throws IOException {
        Files.writeString(path(), "precious");
        var e = refused(Errno.EEXIST, () -> UnixListener.bind(path(), 1).close());
        assertThat(e).hasMessageContaining("not a socket");
        assertThat(path()).hasContent("precious");
        var link = folder.resolve("link");
        Files.createSymbolicLink(link, path());
        refused(Errno.EEXIST, () -> UnixListener.bind(link, 1).close());
        var inner = Files.createDirectory(folder.resolve("folder"));
        refused(Errno.EEXIST, () -> UnixListener.bind(inner, 1).close());
        assertThat(contents()).hasSize(3);
    }

    @Test
    void shouldAcceptPathsOfExactlyTheLengthThatFits() throws IOException {
        int left = 107 - folder.toString().getBytes(StandardCharsets.UTF_8).length;
        // as much folder as possible, so that a name beside the socket's would be too long
        var deep = Files.createDirectory(folder.resolve("d".repeat(left - 3)));
        var path = deep.resolve("s");
        assertThat(path.toString()).hasSize(107);
        try (var listener = UnixListener.bind(path, 1);
                var client = UnixSocket.connect(path);
                var accepted = listener.accept()) {
            assertThat(accepted).isNotNull();
            assertThat(client.fd().isOpen()).isTrue();
        }
        assertThat(path).doesNotExist();
        var e = refused(Errno.ENAMETOOLONG, () -> UnixListener.bind(deep.resolve("ss"), 1).close());
        assertThat(e).hasMessageContaining("108 bytes").hasMessageContaining("at most 107");
        refused(Errno.ENAMETOOLONG, () -> UnixSocket.connect(deep.resolve("ss")).close());
    }

    @Test
    void shouldSayWhichFolderIsMissing() {
        var missing = folder.resolve("missing/device.sock");
        var e = refused(Errno.ENOENT, () -> UnixListener.bind(missing, 1).close());
        assertThat(e).hasMessageContaining(folder.resolve("missing").toString());
        // the empty path is the folder that the process is in
        refused(Errno.EEXIST, () -> UnixListener.bind(Path.of(""), 1).close());
        refused(Errno.ENOENT, () -> UnixSocket.connect(Path.of("")).close());
    }

    @Test
    void shouldRefuseAFolderThatCannotBeWritten() {
        // nobody can create files in /proc, root neither
        var path = Path.of("/proc/device.sock");
        assertThatExceptionOfType(SyscallException.class)
                .isThrownBy(() -> UnixListener.bind(path, 1).close())
                .withMessageContaining("bind /proc/device.sock");
    }

    @Test
    void shouldNotRemoveTheSocketOfItsSuccessor() throws IOException {
        var first = UnixListener.bind(path(), 1);
        Files.delete(path());
        try (var second = UnixListener.bind(path(), 1)) {
            first.close();
            first.close();
            assertThat(path()).exists();
            try (var client = UnixSocket.connect(path())) {
                assertThat(client.fd().isOpen()).isTrue();
            }
            assertThat(second.fd().isOpen()).isTrue();
        }
    }

    @Test
    void shouldAdoptListeningSocketsAlone() {
        try (var listener = UnixListener.bind(path(), 1);
                var adopted = UnixListener.adopt(listener.fd().duplicate());
                var client = UnixSocket.connect(path());
                var accepted = adopted.accept()) {
            assertThat(accepted).isNotNull();
            refused(Errno.ENOTSOCK, () -> UnixListener.adopt(client.fd()));
            assertThat(client.fd().isOpen()).isTrue();
        }
        assertThat(path()).doesNotExist();
    }

    @Test
    void shouldReportThatNobodyListens() {
        refused(Errno.ENOENT, () -> UnixSocket.connect(path()).close());
        leaveDeadSocket();
        refused(Errno.ECONNREFUSED, () -> UnixSocket.connect(path()).close());
    }
}
