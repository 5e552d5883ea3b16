package dev.muser.testkit.hostile;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static org.assertj.core.api.Assertions.assertThat;

import dev.muser.linux.EventFd;
import dev.muser.linux.Fd;
import dev.muser.linux.MemoryFile;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Random;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * A client with a device of its own on the loop of the device that is attacked. It never stops
 * asking: batches of writes and reads whose replies must be right and in order, transfers by the
 * device whose bytes must arrive, interrupts that must come.
 */
final class Bystander implements AutoCloseable {
    private static final int MEMORY = 0x4000;
    private static final long ADDRESS = 0x10_0000;
    private static final int MSIX = 2;
    private static final long SEED = 0x6d75;

    /** The device of a guest that waits so long for a reply is dead (x-msg-timeout). */
    private static final Duration QEMU_GIVES_UP = Duration.ofSeconds(5);

    private final HostileClient client;
    private final Fd memory = MemoryFile.create("bystander", MEMORY);
    private final Fd eventFd = EventFd.create();
    private final Random random = new Random(SEED);

    /** The device's memory, as it must be. */
    private final byte[] image = new byte[Puppet.RAM_SIZE];

    private final MemorySegment seen = Arena.ofAuto().allocate(Puppet.RAM_SIZE);
    private final ReentrantLock turn = new ReentrantLock(true);
    private final Thread thread;
    private volatile boolean stopping;
    private final AtomicLong rounds = new AtomicLong();
    private volatile @Nullable Throwable failure;

    Bystander(Path socket) {
        client = HostileClient.connect(socket).negotiate();
        client.map(ADDRESS, MEMORY, memory);
        client.ask(
                        Requests.SET_IRQS,
                        Requests.setIrqs(Requests.EVENTFD | Requests.TRIGGER, MSIX, 3, 1),
                        eventFd)
                .succeeded(0);
        thread = Thread.ofPlatform().name("bystander").start(this::run);
    }

    private void run() {
        try {
            while (!stopping) {
                turn.lock();
                try {
                    access();
                    transfer();
                    interrupt();
                } finally {
                    turn.unlock();
                }
                rounds.incrementAndGet();
            }
        } catch (Throwable t) {
            failure = t;
        }
    }

    /** Four writes and four reads in one send; the replies come in this order. */
    private void access() {
        var bytes = Bytes.of();
        var ids = new int[8];
        var images = new byte[4][];
        for (int i = 0; i < 4; i++) {
            var data = new byte[1 + random.nextInt(64)];
            random.nextBytes(data);
            int at = random.nextInt(Puppet.RAM_SIZE - data.length);
            System.arraycopy(data, 0, image, at, data.length);
            images[i] = image.clone(); // what the read behind it must see
            ids[2 * i] = random.nextInt(0x10000);
            ids[2 * i + 1] = random.nextInt(0x10000);
            bytes.raw(
                    Requests.message(
                            ids[2 * i],
                            Requests.REGION_WRITE,
                            0,
                            Requests.regionWrite(0, Puppet.RAM + at, data)));
            bytes.raw(
                    Requests.message(
                            ids[2 * i + 1],
                            Requests.REGION_READ,
                            0,
                            Requests.regionRead(0, Puppet.RAM, Puppet.RAM_SIZE)));
        }
        long asked = System.nanoTime();
        client.send(bytes.get());
        for (int i = 0; i < 4; i++) {
            var written = client.receive().succeeded(16);
            assertThat(written.id()).isEqualTo(ids[2 * i]);
            var read = client.receive().succeeded(16 + Puppet.RAM_SIZE);
            assertThat(read.id()).isEqualTo(ids[2 * i + 1]);
            assertThat(read.payload(16)).isEqualTo(images[i]);
            client.waited(asked);
        }
    }

    /** The device writes its memory to this client's. */
    private void transfer() {
        long offset = random.nextInt(MEMORY - Puppet.RAM_SIZE);
        Transfers.start(client, Puppet.Order.DMA_WRITE, ADDRESS + offset, Puppet.RAM_SIZE);
        assertThat(Transfers.result(client)).as("errno of a transfer").isZero();
        assertThat(memory.readAt(offset, seen, 0, Puppet.RAM_SIZE)).isEqualTo(Puppet.RAM_SIZE);
        assertThat(seen.toArray(JAVA_BYTE)).isEqualTo(image);
    }

    private void interrupt() {
        client.ask(
                        Requests.SET_IRQS,
                        Requests.setIrqs(Requests.NONE | Requests.TRIGGER, MSIX, 3, 1))
                .succeeded(0);
        assertThat(EventFd.take(eventFd)).as("signals of an interrupt").isEqualTo(1);
    }

    /**
     * Asserts that every reply so far was right and in order, that none came when QEMU would have
     * given up, and that what is asked from now on is answered too.
     */
    void expectUnharmed() {
        long begun = rounds.get();
        long end = System.nanoTime() + 2 * HostileClient.PATIENCE.toNanos();
        // the round that is under way, and a whole one
        while (rounds.get() < begun + 2 && failure == null && System.nanoTime() < end) {
            LockSupport.parkNanos(100_000);
        }
        assertThat(failure).as(this::toString).isNull();
        assertThat(rounds.get()).as(this::toString).isGreaterThanOrEqualTo(begun + 2);
        assertThat(longestWait()).as(this::toString).isLessThan(QEMU_GIVES_UP);
    }

    Duration longestWait() {
        return client.longestWait();
    }

    /** Returns what the heap has while it does not add to it. */
    long heap() {
        turn.lock();
        try {
            return Resources.heap();
        } finally {
            turn.unlock();
        }
    }

    @Override
    public String toString() {
        return "the other client of the loop after %d rounds, whose longest wait was %d ms"
                .formatted(rounds.get(), longestWait().toMillis());
    }

    @Override
    public void close() {
        stopping = true;
        try {
            thread.join();
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
        client.close();
        memory.close();
        eventFd.close();
    }
}
