package dev.muser.linux;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** Bytes and descriptors over UNIX sockets. */
@ExtendWith(DescriptorLeaks.class)
class MessageTest {
    private static final int NOW = MessageReceiver.DONT_WAIT;

    private final Arena arena = Arena.ofShared();
    private final MemorySegment buffer = arena.allocate(1 << 20, 8);
    private final MessageSender sender = new MessageSender();
    private final List<UnixSocket> ends = new ArrayList<>();

    @BeforeEach
    void connect() {
        Collections.addAll(ends, UnixSocket.pair());
    }

    @AfterEach
    void close() {
        ends.forEach(UnixSocket::close);
        arena.close();
    }

    private void send(long value, Fd... descriptors) {
        buffer.set(ValueLayout.JAVA_LONG, 0, value);
        assertThat(sender.send(ends.get(0), buffer, 0, 8, List.of(descriptors), NOW)).isEqualTo(8);
    }

    @Test
    void shouldPassBytesBothWays() {
        try (var receiver = new MessageReceiver(0)) {
            for (int from = 0; from < 2; from++) {
                buffer.set(ValueLayout.JAVA_LONG, 8, 77 + from);
                assertThat(sender.send(ends.get(from), buffer, 8, 8, NOW)).isEqualTo(8);
                assertThat(receiver.receive(ends.get(1 - from), buffer, 100, 50, NOW)).isEqualTo(8);
                assertThat(buffer.get(ValueLayout.JAVA_LONG_UNALIGNED, 100)).isEqualTo(77 + from);
                assertThat(receiver.descriptors()).isZero();
                assertThat(receiver.truncated()).isFalse();
            }
        }
    }

    @Test
    void shouldPassSeveralDescriptorsInTheirOrder() {
        try (var receiver = new MessageReceiver(16);
                var first = MemoryFile.create("one", 0x1000);
                var second = MemoryFile.create("two", 0x2000);
                var third = EventFd.create()) {
            send(1, first, second, third);
            assertThat(receiver.receive(ends.get(1), buffer, 0, 64, NOW)).isEqualTo(8);
            assertThat(receiver.descriptors()).isEqualTo(3);
            try (var a = receiver.take(0);
                    var b = receiver.take(1);
                    var c = receiver.take(2)) {
                assertThat(FileStatus.of(a).inode()).isEqualTo(FileStatus.of(first).inode());
                assertThat(FileStatus.of(b).size()).isEqualTo(0x2000);
                assertThat(EventFd.is(c)).isTrue();
                assertThatIllegalStateException().isThrownBy(() -> receiver.take(1));
            }
            assertThatExceptionOfType(IndexOutOfBoundsException.class)
                    .isThrownBy(() -> receiver.take(3));
        }
    }

    @Test
    void shouldPassAsManyDescriptorsAsLinuxAllows() {
        try (var receiver = new MessageReceiver(MessageSender.MAX_DESCRIPTORS);
                var event = EventFd.create()) {
            var many = Collections.nCopies(MessageSender.MAX_DESCRIPTORS, event);
            assertThat(sender.send(ends.get(0), buffer, 0, 1, many, NOW)).isEqualTo(1);
            assertThat(receiver.receive(ends.get(1), buffer, 0, 64, NOW)).isEqualTo(1);
            assertThat(receiver.descriptors()).isEqualTo(MessageSender.MAX_DESCRIPTORS);
            assertThat(receiver.truncated()).isFalse();
            var tooMany = Collections.nCopies(MessageSender.MAX_DESCRIPTORS + 1, event);
            assertThat(sender.send(ends.get(0), buffer, 0, 1, tooMany, NOW))
                    .isEqualTo(-Errno.EINVAL);
        }
    }

    @Test
    void shouldCloseDescriptorsThatNobodyTakes() {
        try (var event = EventFd.create()) {
            int before = DescriptorLeaks.open().size();
            try (var receiver = new MessageReceiver(4)) {
                for (int i = 0; i < 3; i++) {
                    send(i, event, event);
                    assertThat(receiver.receive(ends.get(1), buffer, 0, 64, NOW)).isEqualTo(8);
                    assertThat(DescriptorLeaks.open()).hasSize(before + 2);
                }
                receiver.take(0).close();
                assertThat(DescriptorLeaks.open()).hasSize(before + 1);
            }
            assertThat(DescriptorLeaks.open()).hasSize(before);
        }
    }

    @Test
    void shouldReportAndCloseDescriptorsBeyondItsCapacity() {
        try (var event = EventFd.create()) {
            int before = DescriptorLeaks.open().size();
            for (int capacity = 0; capacity <= 5; capacity++) {
                try (var receiver = new MessageReceiver(capacity)) {
                    send(0, event, event, event, event, event, event, event, event);
                    assertThat(receiver.receive(ends.get(1), buffer, 0, 64, NOW)).isEqualTo(8);
                    assertThat(receiver.truncated()).isTrue();
                    // the kernel may fill the padding with one more
                    assertThat(receiver.descriptors()).isBetween(capacity, capacity + 1);
                    assertThat(DescriptorLeaks.open()).hasSize(before + receiver.descriptors());
                    assertThat(receiver.receive(ends.get(1), buffer, 0, 64, NOW))
                            .isEqualTo(-Errno.EAGAIN);
                    assertThat(receiver.truncated()).isFalse();
                    assertThat(DescriptorLeaks.open()).hasSize(before);
                }
            }
        }
    }

    @Test
    void shouldDuplicateDescriptorsAtEachPeek() {
        try (var receiver = new MessageReceiver(4);
                var event = EventFd.create()) {
            send(5, event);
            int before = DescriptorLeaks.open().size();
            for (int i = 0; i < 3; i++) {
                int flags = NOW | MessageReceiver.PEEK;
                assertThat(receiver.receive(ends.get(1), buffer, 8, 64, flags)).isEqualTo(8);
                assertThat(receiver.descriptors()).isEqualTo(1);
                assertThat(DescriptorLeaks.open()).hasSize(before + 1);
            }
            var peeked = receiver.take(0);
            assertThat(receiver.receive(ends.get(1), buffer, 8, 64, NOW)).isEqualTo(8);
            try (var first = peeked;
                    var second = receiver.take(0)) {
                assertThat(first.number()).isNotEqualTo(second.number());
                EventFd.signal(first);
                EventFd.signal(second);
                assertThat(EventFd.take(event)).isEqualTo(2);
            }
        }
    }

    @Test
    void shouldStopBehindTheBytesThatCameWithDescriptors() {
        try (var receiver = new MessageReceiver(4);
                var event = EventFd.create()) {
            send(1);
            send(2, event);
            send(3);
            assertThat(receiver.receive(ends.get(1), buffer, 64, 512, NOW)).isEqualTo(16);
            assertThat(receiver.descriptors()).isEqualTo(1);
            assertThat(receiver.receive(ends.get(1), buffer, 64, 512, NOW)).isEqualTo(8);
            assertThat(receiver.descriptors()).isZero();
        }
    }

    @Test
    void shouldMarkReceivedDescriptorsCloseOnExec() throws Exception {
        try (var receiver = new MessageReceiver(1);
                var event = EventFd.create()) {
            event.inheritable(true);
            send(1, event);
            receiver.receive(ends.get(1), buffer, 0, 64, NOW);
            try (var received = receiver.take(0)) {
                assertThat(Files.readString(Path.of("/proc/self/fdinfo/" + received.number())))
                        .contains("flags:\t02004002");
            }
        }
    }

    @Test
    void shouldKnowWhenTheOtherEndHasReceivedAll() {
        assertThat(ends.get(0).isDrained()).isTrue();
        send(1);
        try (var receiver = new MessageReceiver(0)) {
            assertThat(ends.get(0).isDrained()).isFalse();
            receiver.receive(ends.get(1), buffer, 0, 8, MessageReceiver.PEEK | NOW);
            assertThat(ends.get(0).isDrained()).as("after a look").isFalse();
            assertThat(receiver.receive(ends.get(1), buffer, 0, 8, NOW)).isEqualTo(8);
            assertThat(ends.get(0).isDrained()).isTrue();
        }
    }

    @Test
    void shouldReturnErrorsOfNormalRunning() {
        try (var receiver = new MessageReceiver(1)) {
            assertThat(receiver.receive(ends.get(1), buffer, 0, 8, NOW)).isEqualTo(-Errno.EAGAIN);
            int sent;
            do {
                sent = sender.send(ends.get(0), buffer, 0, 1 << 16, NOW);
            } while (sent > 0);
            assertThat(sent).isEqualTo(-Errno.EAGAIN);
            ends.get(0).close();
            int received;
            do {
                received = receiver.receive(ends.get(1), buffer, 0, 1 << 20, NOW);
            } while (received > 0);
            assertThat(received).isZero();
            assertThat(sender.send(ends.get(1), buffer, 0, 8, NOW)).isEqualTo(-Errno.EPIPE);
        }
    }

    @Test
    void shouldReportAConnectionThatWasReset() {
        try (var receiver = new MessageReceiver(1)) {
            // closed with bytes that it has not read
            sender.send(ends.get(0), buffer, 0, 8, NOW);
            ends.get(1).close();
            assertThat(receiver.receive(ends.get(0), buffer, 0, 8, NOW))
                    .isEqualTo(-Errno.ECONNRESET);
        }
    }

    @Test
    void shouldStopWaitingAfterItsTimeout() {
        try (var receiver = new MessageReceiver(1)) {
            ends.get(1).timeout(Duration.ofMillis(20));
            assertThat(receiver.receive(ends.get(1), buffer, 0, 8, 0)).isEqualTo(-Errno.EAGAIN);
        }
    }

    @Test
    void shouldEndTheStreamForBothByShutdown() {
        try (var receiver = new MessageReceiver(1)) {
            ends.get(0).shutdown();
            assertThat(receiver.receive(ends.get(1), buffer, 0, 8, NOW)).isZero();
            assertThat(ends.get(0).fd().isOpen()).isTrue();
        }
    }

    @Test
    void shouldRefuseBuffersThatTheKernelCannotReach() {
        var heap = MemorySegment.ofArray(new byte[8]);
        try (var receiver = new MessageReceiver(1)) {
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> sender.send(ends.get(0), heap, 0, 8, NOW));
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> receiver.receive(ends.get(0), heap, 0, 8, NOW));
            assertThatExceptionOfType(IndexOutOfBoundsException.class)
                    .isThrownBy(() -> receiver.receive(ends.get(0), buffer, 1 << 20, 1, NOW));
        }
    }

    @Test
    void shouldKnowWhoIsAtTheOtherEnd() {
        var peer = ends.get(0).peer();
        assertThat(peer.pid()).isEqualTo((int) ProcessHandle.current().pid());
        assertThat(peer.uid()).isEqualTo(PeerCredentials.ownUid());
    }

    @Test
    void shouldAdoptConnectedStreamSocketsAlone() {
        var adopted = UnixSocket.adopt(ends.get(0).fd().duplicate());
        adopted.close();
        try (var event = EventFd.create()) {
            assertThatExceptionOfType(SyscallException.class)
                    .isThrownBy(() -> UnixSocket.adopt(event))
                    .returns(Errno.ENOTSOCK, SyscallException::errno);
            assertThat(event.isOpen()).isTrue();
        }
        try (var unconnected = UnixSocket.create()) {
            assertThatExceptionOfType(SyscallException.class)
                    .isThrownBy(() -> UnixSocket.adopt(unconnected))
                    .returns(Errno.ENOTCONN, SyscallException::errno);
            assertThat(unconnected.isOpen()).isTrue();
        }
    }

    @Test
    void shouldTakeASendBufferSize() {
        ends.get(0).sendBuffer(1 << 15);
        int total = 0;
        int sent = 0;
        while (sent >= 0) {
            total += sent;
            sent = sender.send(ends.get(0), buffer, 0, 1024, NOW);
        }
        int small = total;
        ends.get(1).sendBuffer(1 << 18);
        total = 0;
        sent = 0;
        while (sent >= 0) {
            total += sent;
            sent = sender.send(ends.get(1), buffer, 0, 1024, NOW);
        }
        assertThat(total).isGreaterThan(small);
    }

    @Test
    void shouldAllocateNothingToSendReceiveWaitAndSignal() {
        try (var receiver = new MessageReceiver(4);
                var event = EventFd.create();
                var epoll = new Epoll(4)) {
            epoll.add(ends.get(1).fd(), Epoll.IN, 1);
            epoll.add(event, Epoll.IN, 2);
            var scratch = arena.allocate(8, 8);
            var failures = new int[1];
            Runnable loop =
                    () -> {
                        for (int i = 0; i < 10_000; i++) {
                            int sent = sender.send(ends.get(0), buffer, 0, 32, NOW);
                            EventFd.signal(event);
                            int n = epoll.await(0);
                            int got = receiver.receive(ends.get(1), buffer, 0, 64, NOW);
                            long count = EventFd.take(event, scratch);
                            if (sent != 32 || n != 2 || got != 32 || count != 1) {
                                failures[0]++;
                            }
                        }
                    };
            assertThat(Allocation.of(loop)).isZero();
            assertThat(failures[0]).isZero();
        }
    }
}
