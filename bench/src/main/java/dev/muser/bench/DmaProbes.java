package dev.muser.bench;

import dev.muser.client.DmaBuffer;
import dev.muser.client.DmaMemory;
import dev.muser.client.PciFunction;
import dev.muser.client.RemoteDevice;
import dev.muser.device.DmaAccess;
import dev.muser.device.Region;
import dev.muser.linux.MemoryFile;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.time.Duration;

/** Client memory: mapping it, and what a device does with it. */
final class DmaProbes {
    private static final long PAGE = 4096;
    private static final long IOVA = 0x1_0000_0000L;
    private static final Duration PATIENCE = Duration.ofSeconds(10);

    /** Header and DMA_MAP; header and DMA_UNMAP. */
    private static final int MAP = 48;

    private static final int DONE = 16;

    /** Header and DMA_READ, without its data. */
    private static final int DMA_READ = 32;

    private DmaProbes() {}

    static Rounds.Result map(Setup setup, Rounds rounds) {
        try (var device = setup.device();
                var echo = setup.echo();
                var file = MemoryFile.create("muser-bench", PAGE)) {
            device.attach(null);
            Probe pair =
                    () -> {
                        // The descriptor is closed by whom it is given to.
                        var given = file.duplicate();
                        long start = System.nanoTime();
                        device.mapDma(IOVA, PAGE, DmaAccess.READ_WRITE, given, 0);
                        device.unmapDma(IOVA, PAGE);
                        return System.nanoTime() - start;
                    };
            return rounds.measure(pair, echo.roundTrip(EchoServer.message(MAP, DONE), MAP, DONE));
        }
    }

    static Rounds.Result copy(Setup setup, Rounds rounds, int length) {
        try (var device = setup.device();
                var function = new PciFunction(device);
                var buffer = function.dma().allocate(length)) {
            int times = Math.max(8, (1 << 20) / length);
            var commands = new Commands(device, buffer, times);
            return rounds.measure(
                    commands.probe(BenchDevice.READ, times),
                    commands.probe(BenchDevice.COPY, times));
        }
    }

    static Rounds.Result messages(Setup setup, Rounds rounds, int length) {
        try (var device = setup.device();
                var echo = setup.echo();
                var function = new PciFunction(device);
                var interrupt = function.interrupt();
                var buffer =
                        function.dma().allocate(length, DmaAccess.READ_WRITE, DmaMemory.MESSAGES)) {
            var commands = new Commands(device, buffer, 1);
            boolean spins = setup.policy().spins();
            Probe read =
                    () -> {
                        commands.run(BenchDevice.READ_AND_INTERRUPT);
                        if (spins) {
                            while (interrupt.poll() == 0) {
                                Thread.onSpinWait();
                            }
                        } else if (interrupt.await(PATIENCE) == 0) {
                            throw new IllegalStateException("the device never finished");
                        }
                        return commands.took();
                    };
            return rounds.measure(
                    read,
                    echo.roundTrip(
                            EchoServer.message(DMA_READ, DMA_READ + length),
                            DMA_READ,
                            DMA_READ + length));
        }
    }

    /** Tells the device what to copy, and asks it how long it took. */
    private static final class Commands {
        private final RemoteDevice device;
        private final MemorySegment register = Arena.ofAuto().allocate(8, 8);

        Commands(RemoteDevice device, DmaBuffer buffer, int times) {
            this.device = device;
            write(BenchDevice.IOVA, buffer.iova(), 8);
            write(BenchDevice.LENGTH, buffer.size(), 4);
            write(BenchDevice.TIMES, times, 4);
        }

        Probe probe(int command, int times) {
            return new Probe() {
                @Override
                public long sample() {
                    run(command);
                    return took();
                }

                @Override
                public int batch() {
                    return times;
                }
            };
        }

        void run(int command) {
            write(BenchDevice.COMMAND, command, 4);
        }

        long took() {
            long errno = read(BenchDevice.ERRNO, 4);
            if (errno != 0) {
                throw new IllegalStateException("the device's DMA failed: errno " + errno);
            }
            return read(BenchDevice.TOOK, 8);
        }

        private void write(int offset, long value, int count) {
            register.set(ValueLayout.JAVA_LONG, 0, value);
            device.writeRegion(Region.BAR1, offset, register, 0, count);
        }

        private long read(int offset, int count) {
            register.set(ValueLayout.JAVA_LONG, 0, 0);
            device.readRegion(Region.BAR1, offset, register, 0, count);
            return register.get(ValueLayout.JAVA_LONG, 0);
        }
    }
}
