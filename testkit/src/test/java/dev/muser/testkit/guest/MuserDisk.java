package dev.muser.testkit.guest;

import dev.muser.device.pci.PciDevice;
import dev.muser.devices.nvme.NamespaceOptions;
import dev.muser.devices.nvme.Nvme;
import dev.muser.devices.nvme.NvmeOptions;
import dev.muser.devices.storage.FileOptions;
import dev.muser.devices.storage.FileStorage;
import dev.muser.server.DeviceServer;
import dev.muser.server.Loop;
import dev.muser.server.LoopPolicy;
import dev.muser.server.ServerOptions;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.OptionalInt;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/** Muser's NVMe disk on image files. */
final class MuserDisk implements DiskUnderTest {
    private static final int BLOCK_SIZE = 512;

    private final Loop loop;
    private final boolean ownsLoop;
    private final Path directory;
    private final DeviceServer server;

    /** Belongs to the loop's thread. */
    private @Nullable Nvme device;

    private MuserDisk(Loop loop, boolean ownsLoop, String serial, List<Path> images)
            throws IOException {
        this.loop = loop;
        this.ownsLoop = ownsLoop;
        directory = Files.createTempDirectory("muser-nvme");
        var namespaces = new ArrayList<NamespaceOptions>();
        for (var image : images) {
            namespaces.add(namespace(image));
        }
        var options = NvmeOptions.of(serial, namespaces);
        server =
                DeviceServer.listen(
                        loop,
                        events -> PciDevice.create(ctx -> device = new Nvme(ctx, options), events),
                        socket(),
                        ServerOptions.DEFAULTS);
        USER.give(directory);
        USER.give(socket());
    }

    static MuserDisk start(String serial, List<Path> images) {
        var loop = Loop.start("disk-under-test", LoopPolicy.BLOCKING, OptionalInt.empty());
        try {
            return new MuserDisk(loop, true, serial, images);
        } catch (IOException e) {
            loop.close();
            throw new UncheckedIOException(e);
        } catch (RuntimeException e) {
            loop.close();
            throw e;
        }
    }

    private static NamespaceOptions namespace(Path image) {
        return NamespaceOptions.of(
                FileStorage.open(image, FileOptions.DEFAULT), BLOCK_SIZE, image.toString());
    }

    private Path socket() {
        return directory.resolve("nvme.sock");
    }

    @Override
    public DiskUnderTest startAnother(String serial, Path... images) {
        try {
            return new MuserDisk(loop, false, serial, List.of(images));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Override
    public boolean isMuser() {
        return true;
    }

    @Override
    public void addTo(GuestVmBuilder guest) {
        guest.vfioUser(socket());
    }

    @Override
    public void addNamespace(int nsid, Path image) {
        var added = new CompletableFuture<Integer>();
        loop.execute(() -> added.complete(running().addNamespace(namespace(image))));
        if (added.orTimeout(1, TimeUnit.MINUTES).join() != nsid) {
            throw new IllegalStateException("namespace " + nsid + " became " + added.join());
        }
    }

    @Override
    public void removeNamespace(int nsid) {
        loop.execute(() -> running().removeNamespace(nsid));
    }

    private Nvme running() {
        return Objects.requireNonNull(device);
    }

    @Override
    public void close() {
        server.close();
        if (ownsLoop) {
            loop.close();
        }
        try {
            Files.deleteIfExists(directory);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
