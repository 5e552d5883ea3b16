package dev.muser.testkit.hostile;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static org.assertj.core.api.Assertions.assertThat;

import dev.muser.client.PciFunction;
import dev.muser.client.RemoteDevice;
import dev.muser.client.nvme.IoOpcode;
import dev.muser.client.nvme.NvmeDriver;
import dev.muser.client.nvme.NvmeDriverOptions;
import dev.muser.client.nvme.QueuePair;
import dev.muser.client.nvme.SglList;
import dev.muser.client.nvme.Status;
import dev.muser.device.DmaAccess;
import dev.muser.devices.nvme.NamespaceOptions;
import dev.muser.devices.nvme.Nvme;
import dev.muser.devices.nvme.NvmeOptions;
import dev.muser.devices.storage.FileOptions;
import dev.muser.devices.storage.FileStorage;
import dev.muser.linux.Mapping;
import dev.muser.server.ServerOptions;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.BitSet;
import java.util.List;
import java.util.Random;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Memory that goes while the kernel, on behalf of a disk, reads and writes it. */
final class HostileDiskTest extends HostileTest {
    private static final int COMMANDS = 16;
    private static final int LENGTH = 128 << 10;
    private static final int SIZE = COMMANDS * LENGTH;
    private static final int BLOCK = 512;

    /** Far from what the driver's own memory gets. */
    private static final long IOVA = 0x5000_0000_0000L;

    @TempDir private Path folder = Path.of("");

    private Path serveDisk(FileOptions options) throws IOException {
        var image = folder.resolve("image");
        var bytes = new byte[SIZE];
        new Random(1).nextBytes(bytes);
        Files.write(image, bytes);
        return serve(
                ctx -> {
                    var storage = FileStorage.open(image, options);
                    return new Nvme(
                            ctx,
                            NvmeOptions.of(
                                    "HOSTILE",
                                    List.of(NamespaceOptions.of(storage, BLOCK, "hostile"))));
                },
                ServerOptions.DEFAULTS);
    }

    /**
     * The reply to DMA_UNMAP is the promise that nobody reaches for that memory any more: it is the
     * client's again at once, whatever was under way.
     */
    @ParameterizedTest
    @CsvSource({"AUTO, true", "THREADS, true", "AUTO, false", "THREADS, false"})
    void shouldLetGoOfMemoryThatADiskUses(FileOptions.Engine engine, boolean direct)
            throws IOException {
        var path = serveDisk(FileOptions.DEFAULT.withEngine(engine).withDirect(direct));
        var file = memory(SIZE);
        try (var device = RemoteDevice.connect(path);
                var function = new PciFunction(device);
                var driver = NvmeDriver.open(function, NvmeDriverOptions.DEFAULTS);
                var mapping = Mapping.shared(file, 0, SIZE, Mapping.Access.READ_WRITE)) {
            var pair = driver.queue(0).pair();
            for (int round = 0; round < 30; round++) {
                device.mapDma(IOVA, SIZE, DmaAccess.READ_WRITE, file.duplicate(), 0);
                for (int i = 0; i < COMMANDS; i++) {
                    pair.next()
                            .clear()
                            .cid(i)
                            .opcode(i % 4 == 3 ? IoOpcode.WRITE : IoOpcode.READ)
                            .nsid(1)
                            .lba((long) i * LENGTH / BLOCK)
                            .cdw12(LENGTH / BLOCK - 1)
                            .sgl(IOVA + (long) i * LENGTH, LENGTH, SglList.DATA_BLOCK);
                }
                pair.submit();
                LockSupport.parkNanos(round * 20_000L); // nothing, or some of it, is done
                device.unmapDma(IOVA, SIZE);
                expectUntouched(mapping.segment(), pair);
            }
            bystander.expectUnharmed();
        }
    }

    private static void expectUntouched(MemorySegment memory, QueuePair pair) {
        memory.fill((byte) 0x77);
        var done = new BitSet();
        long end = System.nanoTime() + HostileClient.PATIENCE.toNanos();
        while (done.cardinality() < COMMANDS) {
            var completions = pair.completions();
            if (completions.advance()) {
                var completion = completions.completion();
                assertThat(completion.status()).isIn(Status.SUCCESS, Status.DATA_TRANSFER_ERROR);
                assertThat(done.get(completion.commandId())).as("completed before").isFalse();
                done.set(completion.commandId());
                completions.acknowledge();
            } else {
                assertThat(System.nanoTime()).as("time of %s", done).isLessThan(end);
                LockSupport.parkNanos(100_000);
            }
        }
        for (byte b : memory.toArray(JAVA_BYTE)) {
            if (b != 0x77) {
                throw new AssertionError("memory was written to that is the client's again");
            }
        }
    }
}
