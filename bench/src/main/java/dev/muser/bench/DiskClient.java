package dev.muser.bench;

import dev.muser.client.ClientOptions;
import dev.muser.client.PciFunction;
import dev.muser.client.RemoteDevice;
import dev.muser.client.Waiting;
import dev.muser.client.nvme.NvmeDriver;
import dev.muser.client.nvme.NvmeDriverOptions;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** A driver of one disk, with a load for each of its queues. Belongs to the driver's thread. */
final class DiskClient implements AutoCloseable {
    /** Such a queue rings once in a round, so that short ones would ring often. */
    private static final int SHADOW_DEPTH = 1023;

    private final RemoteDevice device;
    private final PciFunction function;
    private final NvmeDriver driver;
    private final List<DiskLoad> loads = new ArrayList<>();

    DiskClient(Path socket, DiskCase what) {
        device = RemoteDevice.connect(socket, ClientOptions.DEFAULTS.withWaiting(Waiting.BLOCKING));
        function = new PciFunction(device);
        driver =
                NvmeDriver.open(
                        function,
                        NvmeDriverOptions.DEFAULTS
                                .withQueues(what.queues())
                                .withDepth(what.shadow() ? SHADOW_DEPTH : what.depth())
                                .withShadowDoorbells(what.shadow()));
        var namespace = driver.namespaces().getFirst();
        for (var queue : driver.queues()) {
            loads.add(
                    new DiskLoad(
                            queue,
                            function.dma().allocate((long) what.depth() * what.bytes()),
                            namespace.blockSize(),
                            what.bytes() / namespace.blockSize(),
                            namespace.blocks(),
                            what.depth(),
                            what.writes()));
        }
    }

    /** Writes all of the disk once, so that its pages are there. */
    void fill() {
        var namespace = driver.namespaces().getFirst();
        var sync = driver.sync(namespace);
        int bytes = 1 << 20;
        try (var zeros = function.dma().allocate(bytes)) {
            for (long at = 0; at < namespace.size(); at += bytes) {
                sync.write(at / namespace.blockSize(), bytes / namespace.blockSize(), zeros, 0);
            }
        }
    }

    List<DiskLoad> loads() {
        return loads;
    }

    @Override
    public void close() {
        driver.close();
        function.close();
        device.close();
    }
}
