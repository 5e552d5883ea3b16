package dev.muser.testkit.devices.nvme;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;
import dev.muser.client.DmaBuffer;
import dev.muser.client.PciFunction;
import dev.muser.client.RemoteDevice;
import dev.muser.client.nvme.Completion;
import dev.muser.client.nvme.CompletionHandler;
import dev.muser.client.nvme.NvmeDriver;
import dev.muser.client.nvme.NvmeDriverOptions;
import dev.muser.devices.nvme.NamespaceOptions;
import dev.muser.devices.nvme.Nvme;
import dev.muser.devices.nvme.NvmeOptions;
import dev.muser.devices.storage.MemoryStorage;
import dev.muser.devices.storage.NullStorage;
import dev.muser.devices.storage.Storage;
import dev.muser.server.LoopPolicy;
import dev.muser.testkit.ServedDevice;
import java.lang.management.ManagementFactory;
import java.util.List;
import java.util.function.LongFunction;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Commands make no garbage, in the device's thread or in the driver's, once all is compiled. */
final class NvmeAllocationTest {
    private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    private static final long SIZE = 16L << 20;
    private static final int DEPTH = 16;

    /** Bursts before it is measured, and of a measurement. */
    private static final int WARM = 3000;

    private static final int MEASURED = 200;

    static Stream<Arguments> disks() {
        LongFunction<Storage> none = NullStorage::new;
        LongFunction<Storage> memory = MemoryStorage::new;
        return Stream.of(
                Arguments.of("null", none, 512),
                Arguments.of("null", none, 16384), // a list of PRPs
                Arguments.of("memory", memory, 512),
                Arguments.of("memory", memory, 8192),
                Arguments.of("memory", memory, 16384));
    }

    @ParameterizedTest(name = "{0}, {2} bytes")
    @MethodSource("disks")
    void shouldAllocateNothing(String name, LongFunction<Storage> storage, int size) {
        var options =
                NvmeOptions.of(
                        "TEST", List.of(NamespaceOptions.of(storage.apply(SIZE), 512, name)));
        try (var served = ServedDevice.start(ctx -> new Nvme(ctx, options), LoopPolicy.POLLING);
                var device = RemoteDevice.connect(served.socket());
                var function = new PciFunction(device);
                var driver = NvmeDriver.open(function, NvmeDriverOptions.DEFAULTS)) {
            var worker = new Worker(function, driver, size);
            for (int i = 0; i < WARM; i++) {
                worker.burst();
            }
            long deviceThread = loopThread();
            long least = Long.MAX_VALUE;
            long driverLeast = Long.MAX_VALUE;
            for (int attempt = 0; attempt < 200 && (least | driverLeast) != 0; attempt++) {
                long before = THREADS.getThreadAllocatedBytes(deviceThread);
                long driverBefore = THREADS.getCurrentThreadAllocatedBytes();
                for (int i = 0; i < MEASURED; i++) {
                    worker.burst();
                }
                long driverAfter = THREADS.getCurrentThreadAllocatedBytes();
                least = Math.min(least, THREADS.getThreadAllocatedBytes(deviceThread) - before);
                driverLeast = Math.min(driverLeast, driverAfter - driverBefore);
            }
            assertThat(least).as("bytes that the device allocated").isZero();
            assertThat(driverLeast).as("bytes that the driver allocated").isZero();
        }
    }

    /** Writes and reads as many blocks at a time as a queue takes. */
    private static final class Worker implements CompletionHandler {
        private final NvmeDriver driver;
        private final DmaBuffer buffer;
        private final int size;

        Worker(PciFunction function, NvmeDriver driver, int size) {
            this.driver = driver;
            this.size = size;
            buffer = function.dma().allocate(DEPTH * (long) size);
        }

        void burst() {
            var queue = driver.queue(0);
            int blocks = size / 512;
            for (int i = 0; i < DEPTH; i++) {
                if (i % 2 == 0) {
                    queue.read((long) i * blocks, blocks, buffer, (long) i * size, i);
                } else {
                    queue.write((long) i * blocks, blocks, buffer, (long) i * size, i);
                }
            }
            queue.kick();
            while (queue.inFlight() > 0) {
                queue.await(this);
            }
        }

        @Override
        public void completed(Completion completion) {
            if (!completion.isSuccess()) {
                throw new AssertionError(completion);
            }
        }
    }

    private static long loopThread() {
        for (var info : THREADS.getThreadInfo(THREADS.getAllThreadIds())) {
            if (info != null && info.getThreadName().equals("served-device")) {
                return info.getThreadId();
            }
        }
        throw new AssertionError("there is no thread that serves");
    }
}
