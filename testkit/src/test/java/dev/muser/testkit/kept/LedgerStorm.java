package dev.muser.testkit.kept;

import static org.assertj.core.api.Assertions.assertThat;

import dev.muser.client.BarView;
import dev.muser.client.ClientOptions;
import dev.muser.client.DmaBuffer;
import dev.muser.client.DmaMemory;
import dev.muser.client.Interrupt;
import dev.muser.client.PciFunction;
import dev.muser.client.RemoteDevice;
import dev.muser.device.DmaAccess;
import dev.muser.device.Irq;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Random;
import java.util.function.BooleanSupplier;

/** A client of a {@link Ledger} that knows what each answer has to be. */
final class LedgerStorm {
    private static final Duration PATIENCE = Duration.ofSeconds(60);

    private final Random random;
    private final ArrayDeque<Long> fifo = new ArrayDeque<>();
    private long next;
    private long sum;
    private long written;
    private long requests;

    LedgerStorm(long seed) {
        random = new Random(seed);
    }

    /**
     * Asks without end until {@code enough}.
     *
     * @return how many requests were answered, all of them right
     */
    long run(Path socket, boolean twin, BooleanSupplier enough) {
        var options = ClientOptions.DEFAULTS.withTwinSocket(twin).withTimeout(PATIENCE);
        try (var device = RemoteDevice.connect(socket, options);
                var function = new PciFunction(device)) {
            var bar = function.bar(0);
            var raised = function.interrupt(Irq.MSIX, 1);
            var shared = function.dma().allocate(4096);
            try (var asked =
                    function.dma().allocate(4096, DmaAccess.READ_WRITE, DmaMemory.MESSAGES)) {
                while (!enough.getAsBoolean()) {
                    switch (random.nextInt(40)) {
                        case 0 -> {
                            shared.close(); // mappings come and go
                            shared = function.dma().allocate(4096);
                        }
                        case 1 -> raise(bar, raised);
                        case 2, 3 -> write(device, bar, shared);
                        case 4 -> write(device, bar, asked);
                        case 5, 6, 7, 8, 9, 10 -> push(bar);
                        case 11, 12, 13, 14, 15, 16 -> pop(bar);
                        case 17, 18, 19, 20 -> add(bar);
                        case 21, 22 -> assertThat(bar.read64(Ledger.SUM)).isEqualTo(sum);
                        default -> assertThat(bar.read64(Ledger.NEXT)).isEqualTo(next++);
                    }
                    requests++;
                }
            }
            assertThat(bar.read64(Ledger.SUM)).isEqualTo(sum);
            assertThat(bar.read64(Ledger.WRITTEN)).isEqualTo(written);
        }
        return requests;
    }

    /** At least once: a second signal is a spurious interrupt, which drivers bear. */
    private void raise(BarView bar, Interrupt raised) {
        bar.write64(Ledger.RAISE, 1);
        assertThat(raised.await(PATIENCE)).isPositive();
    }

    private void write(RemoteDevice device, BarView bar, DmaBuffer buffer) {
        long at = 8L * random.nextInt(512);
        buffer.segment().set(ValueLayout.JAVA_LONG, at, -1);
        bar.write64(Ledger.DMA, buffer.iova(at));
        written++;
        while (bar.read64(Ledger.WRITTEN) != written) {
            device.serve();
        }
        assertThat(buffer.segment().get(ValueLayout.JAVA_LONG, at)).isEqualTo(next);
    }

    private void push(BarView bar) {
        if (fifo.size() < Ledger.DEPTH) {
            long value = random.nextLong() >>> 1;
            bar.write64(Ledger.PUSH, value);
            fifo.add(value);
        }
    }

    private void pop(BarView bar) {
        var expected = fifo.poll();
        assertThat(bar.read64(Ledger.POP)).isEqualTo(expected == null ? -1 : expected);
    }

    private void add(BarView bar) {
        int value = random.nextInt(1000);
        bar.write64(Ledger.ADD, value);
        sum += value;
    }
}
