package dev.muser.linux;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Collections;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/** Datagrams over UNIX sockets, and who sent them. */
@ExtendWith(DescriptorLeaks.class)
class DatagramTest {
    private static final int NOW = MessageReceiver.DONT_WAIT;
    private static final String NAME = "@muser-test-" + ProcessHandle.current().pid();

    private final MemorySegment buffer = Arena.ofAuto().allocate(1024);
    private final MessageSender sender = new MessageSender();

    private int send(UnixDatagramSocket socket, String text, List<Fd> descriptors) {
        MemorySegment.copy(text.getBytes(US_ASCII), 0, buffer, JAVA_BYTE, 0, text.length());
        return sender.send(socket, buffer, 0, text.length(), descriptors, NOW);
    }

    private String received(int length) {
        return new String(buffer.asSlice(0, length).toArray(JAVA_BYTE), US_ASCII);
    }

    private void exchange(String address) {
        try (var here = UnixDatagramSocket.bind(address);
                var there = UnixDatagramSocket.connect(address);
                var receiver = new MessageReceiver(4, true);
                var memory = MemoryFile.create("sent", 0x3000)) {
            assertThat(send(there, "first", List.of(memory))).isEqualTo(5);
            assertThat(send(there, "", List.of())).isZero();
            assertThat(send(there, "third", Collections.nCopies(4, memory))).isEqualTo(5);

            assertThat(received(receiver.receive(here, buffer, 0, 100, NOW))).isEqualTo("first");
            assertThat(receiver.descriptors()).isEqualTo(1);
            try (var fd = receiver.take(0)) {
                assertThat(FileStatus.of(fd).inode()).isEqualTo(FileStatus.of(memory).inode());
            }
            var from = Objects.requireNonNull(receiver.sender());
            assertThat(from.pid()).isEqualTo((int) ProcessHandle.current().pid());
            assertThat(from.uid()).isEqualTo(PeerCredentials.ownUid());
            assertThat(receiver.receive(here, buffer, 0, 100, NOW)).isZero();
            assertThat(receiver.descriptors()).isZero();
            assertThat(received(receiver.receive(here, buffer, 0, 2, NOW))).isEqualTo("th");
            assertThat(receiver.descriptors()).isEqualTo(4);
            assertThat(receiver.truncated()).isFalse();
            assertThat(receiver.receive(here, buffer, 0, 100, NOW)).isEqualTo(-Errno.EAGAIN);
        }
    }

    @Test
    void shouldExchangeThemAtAPath(@TempDir Path folder) {
        exchange(folder.resolve("socket").toString());
    }

    @Test
    void shouldExchangeThemAtANameOutsideTheFileSystem() {
        exchange(NAME);
    }

    @Test
    void shouldReportThatNobodyIsThere() {
        var here = UnixDatagramSocket.bind(NAME);
        try (var there = UnixDatagramSocket.connect(NAME)) {
            here.close();
            assertThat(send(there, "lost", List.of())).isEqualTo(-Errno.ECONNREFUSED);
        }
        assertThatExceptionOfType(SyscallException.class)
                .isThrownBy(() -> UnixDatagramSocket.connect(NAME))
                .returns(Errno.ECONNREFUSED, SyscallException::errno)
                .withMessageContaining(NAME);
    }

    @Test
    void shouldRefuseANameThatIsTaken() {
        try (var here = UnixDatagramSocket.bind(NAME)) {
            assertThat(here.fd().isOpen()).isTrue();
            assertThatExceptionOfType(SyscallException.class)
                    .isThrownBy(() -> UnixDatagramSocket.bind(NAME))
                    .returns(Errno.EADDRINUSE, SyscallException::errno);
        }
    }

    @Test
    void shouldEndAWaitForSpace() {
        try (var here = UnixDatagramSocket.bind(NAME);
                var there = UnixDatagramSocket.connect(NAME)) {
            assertThat(here.fd().isOpen()).isTrue();
            there.timeout(Duration.ofMillis(1));
            int result = 0;
            for (int i = 0; i < 10_000 && result >= 0; i++) {
                result = sender.send(there, buffer, 0, 8, List.of(), 0);
            }
            assertThat(result).isEqualTo(-Errno.EAGAIN);
        }
    }

    @Test
    void shouldCloseTheDescriptorsBeyondWhatTheReceiverTakes() {
        try (var here = UnixDatagramSocket.bind(NAME);
                var there = UnixDatagramSocket.connect(NAME);
                var receiver = new MessageReceiver(1, true);
                var event = EventFd.create()) {
            assertThat(send(there, "flood", Collections.nCopies(200, event))).isEqualTo(5);
            assertThat(receiver.receive(here, buffer, 0, 100, NOW)).isEqualTo(5);
            assertThat(receiver.truncated()).isTrue();
            assertThat(receiver.descriptors()).isBetween(1, 2); // the padding has room for one
            assertThat(receiver.sender()).isNotNull();
        }
    }
}
