package dev.muser.testkit.hostile;

import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.params.provider.Arguments.arguments;

import dev.muser.linux.Errno;
import dev.muser.linux.EventFd;
import dev.muser.linux.Fd;
import dev.muser.linux.MemoryFile;
import dev.muser.linux.MessageSender;
import dev.muser.linux.Pipe;
import dev.muser.linux.SyscallException;
import dev.muser.linux.UnixSocket;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Collections;
import java.util.Deque;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Descriptors that are too many, of the wrong kind, or that turn against the server. */
class HostileDescriptorsTest extends HostileTest {
    private static final int INTX = 0;
    private static final int MSIX = 2;

    @TempDir private Path files = Path.of("");

    @Test
    void shouldCloseDescriptorsOfMessagesThatTakeNone() {
        var client = negotiated();
        for (int command = 0; command < 20; command++) {
            if (command == Requests.DMA_MAP || command == Requests.SET_IRQS) {
                continue;
            }
            for (int n : new int[] {1, 8, 64}) {
                var fds = new Fd[n];
                Arrays.fill(fds, memory(4096));
                var reply = client.ask(command, Bytes.of().u32(64).zeros(28).get(), fds);
                assertThat(reply.command()).isEqualTo(command);
                client.post(command, new byte[32], fds);
            }
        }
        client.expectServed();
    }

    @Test
    void shouldEndAClientThatSendsDescriptorsWithVersion() {
        var client = connect();
        client.command(Requests.VERSION, 0, Requests.version(0, 0, "{}"), memory(4096));
        client.expectEnd();
    }

    /** As many as Linux passes in a message. */
    @Test
    void shouldClose253Descriptors() {
        var client = negotiated();
        var many = Collections.nCopies(MessageSender.MAX_DESCRIPTORS, memory(4096));
        for (int i = 0; i < 20; i++) {
            client.send(Requests.message(i, Requests.RESET, 0, new byte[0]), many);
            assertThat(client.receive().succeeded(0).id()).isEqualTo(i);
            client.send(
                    Requests.message(i, Requests.DMA_MAP, 0, Requests.dmaMap(3, 0, 0, 4096)), many);
            client.receive().failed(Errno.EINVAL);
            client.send(
                    Requests.message(
                            i,
                            Requests.SET_IRQS,
                            0,
                            Requests.setIrqs(Requests.EVENTFD | Requests.TRIGGER, MSIX, 0, 32)),
                    many);
            client.receive().failed(Errno.EINVAL);
        }
    }

    @Test
    void shouldEndAClientThatSendsDescriptorsWithEachByteOfAMessage() {
        var client = negotiated();
        byte[] message = Requests.message(1, Requests.REGION_READ, 0, new byte[16]);
        var many = Collections.nCopies(MessageSender.MAX_DESCRIPTORS, memory(4096));
        int sent = 1;
        for (int i = 0; i < message.length && sent == 1; i++) {
            sent = client.trySend(Arrays.copyOfRange(message, i, i + 1), many, 0);
        }
        client.drain(); // which comes to an end
    }

    /** The process has none left: what did arrive of a message's descriptors is closed. */
    @Test
    void shouldCloseWhatArrivedWhenThereAreNoDescriptorsLeft() throws Exception {
        var client = negotiated();
        var file = memory(4096);
        byte[] map = Requests.dmaMap(3, 0, 0, 4096);
        client.ask(Requests.DMA_MAP, map, file).succeeded(0);
        client.ask(99, new byte[0]).failed(Errno.EINVAL);
        assertThat(new SyscallException("open", Errno.EMFILE)).hasMessageContaining("EMFILE");
        Reply lost;
        Reply partly;
        Reply ignored;
        try (var _ = DescriptorLimit.of(1024)) {
            var used = new ArrayDeque<Fd>();
            try {
                useUp(file, used);
                lost = client.ask(Requests.DMA_MAP, map, file);
                free(used, 2);
                partly = client.ask(Requests.SET_IRQS, eventFds(4), file, file, file, file);
                ignored = client.ask(Requests.RESET, new byte[0], file, file, file);
            } finally {
                free(used, used.size());
            }
        }
        lost.failed(Errno.EMFILE);
        partly.failed(Errno.EMFILE);
        ignored.succeeded(0);
        client.ask(Requests.DMA_MAP, map, file).succeeded(0);
    }

    private static byte[] eventFds(int count) {
        return Requests.setIrqs(Requests.EVENTFD | Requests.TRIGGER, MSIX, 0, count);
    }

    private static void useUp(Fd file, Deque<Fd> used) {
        try {
            while (true) {
                used.push(file.duplicate());
            }
        } catch (SyscallException e) {
            assertThat(e.errno()).isEqualTo(Errno.EMFILE);
        }
    }

    private static void free(Deque<Fd> used, int count) {
        for (int i = 0; i < count; i++) {
            used.pop().close();
        }
    }

    private interface Opener {
        Fd open(HostileDescriptorsTest test) throws IOException;
    }

    private static Arguments kind(String name, int errno, Opener opener) {
        return arguments(name, errno, opener);
    }

    static Stream<Arguments> notMemory() {
        return Stream.of(
                kind("a pipe to read", Errno.ENODEV, t -> t.closing(Pipe.create()).source()),
                kind("a pipe to write", Errno.ENODEV, t -> t.closing(Pipe.create()).sink()),
                kind(
                        "a directory",
                        Errno.ENODEV,
                        t -> t.closing(OpenFile.open(t.files, OpenFile.O_DIRECTORY))),
                kind(
                        "a socket",
                        Errno.ENODEV,
                        t -> {
                            var pair = UnixSocket.pair();
                            t.closing(pair[1]);
                            return t.closing(pair[0].fd());
                        }),
                kind("an eventfd", Errno.ENODEV, t -> t.closing(EventFd.create())),
                kind(
                        "/dev/zero",
                        Errno.ENODEV,
                        t -> t.closing(OpenFile.open(Path.of("/dev/zero"), OpenFile.O_RDONLY))),
                kind(
                        "a file of /proc",
                        Errno.EINVAL, // it has no length
                        t ->
                                t.closing(
                                        OpenFile.open(
                                                Path.of("/proc/self/status"), OpenFile.O_RDONLY))),
                kind(
                        "O_PATH of a file",
                        Errno.EINVAL,
                        t -> {
                            var path = t.files.resolve("file");
                            MemoryFile.open(path, 1 << 20).close();
                            return t.closing(OpenFile.open(path, OpenFile.O_PATH));
                        }),
                kind(
                        "O_PATH of a directory",
                        Errno.ENODEV,
                        t -> t.closing(OpenFile.open(t.files, OpenFile.O_PATH))),
                kind(
                        "a file that can only be read",
                        Errno.EACCES,
                        t -> t.closing(t.memory(1 << 20).reopenForReading())));
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("notMemory")
    void shouldRefuseAsMemory(String what, int errno, Object opener) throws IOException {
        var client = negotiated();
        var fd = ((Opener) opener).open(this);
        for (int i = 0; i < 3; i++) {
            client.ask(Requests.DMA_MAP, Requests.dmaMap(3, 0, 0, 4096), fd).failed(errno);
        }
        // and the place is free
        client.map(0, 4096, memory(4096));
        assertThat(Transfers.run(client, Puppet.Order.DMA_WRITE, 0, 64)).isZero();
    }

    /** A file on a disk is memory like any other; nobody is slowed by it. */
    @Test
    void shouldTakeAFileOnADiskAsMemory() {
        var client = negotiated();
        var file = closing(MemoryFile.open(files.resolve("disk"), 1 << 20));
        client.map(0, 1 << 20, file);
        assertThat(Transfers.run(client, Puppet.Order.DMA_WRITE, 0xf_fff0, 16)).isZero();
        assertThat(Transfers.run(client, Puppet.Order.DMA_READ, 0, 16)).isZero();
    }

    static Stream<Arguments> notEventFds() {
        return notMemory();
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("notEventFds")
    void shouldRefuseAsInterrupt(String what, int errno, Object opener) throws IOException {
        var fd = ((Opener) opener).open(this);
        var client = negotiated();
        if (EventFd.is(fd)) {
            client.ask(Requests.SET_IRQS, eventFds(1), fd).succeeded(0);
            return;
        }
        for (int index : new int[] {INTX, MSIX}) {
            for (int action : new int[] {Requests.TRIGGER, Requests.UNMASK}) {
                client.ask(
                                Requests.SET_IRQS,
                                Requests.setIrqs(Requests.EVENTFD | action, index, 0, 1),
                                fd)
                        .failed(Errno.EINVAL);
            }
        }
        client.expectServed();
    }

    @Test
    void shouldRefuseARegularFileAsInterrupt() {
        var client = negotiated();
        var path = files.resolve("interrupt");
        client.ask(Requests.SET_IRQS, eventFds(1), closing(MemoryFile.open(path, 0)))
                .failed(Errno.EINVAL);
        // one that is none among those that are
        client.ask(
                        Requests.SET_IRQS,
                        eventFds(3),
                        closing(EventFd.create()),
                        closing(MemoryFile.open(path, 0)),
                        closing(EventFd.create()))
                .failed(Errno.EINVAL);
        assertThat(path).hasSize(0);
    }

    /** A write to it waits, until somebody reads: here nobody does. */
    @Test
    void shouldNotWaitForAnInterruptDescriptorThatBlocks() {
        var client = negotiated();
        var fd = closing(EventFd.create());
        client.ask(
                        Requests.SET_IRQS,
                        Requests.setIrqs(Requests.EVENTFD | Requests.TRIGGER, MSIX, 3, 1),
                        fd)
                .succeeded(0);
        fd.nonBlocking(false);
        fill(fd);
        for (int i = 0; i < 100; i++) {
            Transfers.order(client, Puppet.Order.INTERRUPT);
            client.ask(
                            Requests.SET_IRQS,
                            Requests.setIrqs(Requests.NONE | Requests.TRIGGER, MSIX, 3, 1))
                    .succeeded(0);
        }
        bystander.expectUnharmed();
    }

    /** Brings its count to 2^64 - 2, the most there is (eventfd(2)). */
    private static void fill(Fd eventFd) {
        try (var arena = Arena.ofConfined()) {
            var count = arena.allocate(8, 8);
            count.set(JAVA_LONG, 0, -2L);
            assertThat(eventFd.write(count, 0, 8)).isEqualTo(8);
        }
    }

    @Test
    void shouldOutliveInterruptDescriptorsThatTheirClientHasClosed() {
        var client = negotiated();
        var fds = new Fd[Puppet.VECTORS];
        for (int round = 0; round < 50; round++) {
            Arrays.setAll(fds, _ -> EventFd.create());
            client.ask(Requests.SET_IRQS, eventFds(fds.length), fds).succeeded(0);
            List.of(fds).forEach(Fd::close);
            client.ask(
                            Requests.SET_IRQS,
                            Requests.setIrqs(Requests.NONE | Requests.TRIGGER, MSIX, 0, fds.length))
                    .succeeded(0);
            Transfers.order(client, Puppet.Order.INTERRUPT);
        }
        client.expectServed();
    }

    @Test
    void shouldReachRegionsWithoutDescriptorByMessage() {
        var client = negotiated();
        client.map(0, 1L << 40);
        Transfers.start(client, Puppet.Order.DMA_READ, 0x123456789AL, 64);
        var asked = client.receive();
        assertThat(asked.command()).isEqualTo(Requests.DMA_READ);
        assertThat(asked.u64(0)).isEqualTo(0x123456789AL);
        assertThat(asked.u64(8)).isEqualTo(64);
        client.send(
                Requests.message(
                        asked.id(),
                        Requests.DMA_READ,
                        Requests.REPLY,
                        Bytes.of().u64(0x123456789AL).u64(64).zeros(64).get()));
        assertThat(Transfers.result(client)).isZero();
    }

    /** A client that is asked and does not answer, and leaves. */
    @Test
    void shouldForgetAClientThatNeverAnswersForRegionsWithoutDescriptor() {
        for (int i = 0; i < 20; i++) {
            try (var client = HostileClient.connect(socket).negotiate()) {
                client.map(0, 1L << 40);
                for (int n = 0; n < 50; n++) {
                    client.post(
                            Requests.REGION_WRITE,
                            Requests.regionWrite(0, Puppet.IOVA, Bytes.of().u64(0).u32(8).get()));
                    client.post(
                            Requests.REGION_WRITE,
                            Requests.regionWrite(
                                    0, Puppet.COMMAND, Bytes.of().u32(1 + n % 2).get()));
                }
            }
        }
    }
}
