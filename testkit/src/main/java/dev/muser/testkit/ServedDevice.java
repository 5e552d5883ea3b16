package dev.muser.testkit;

import dev.muser.device.pci.DeviceFactory;
import dev.muser.device.pci.PciDevice;
import dev.muser.server.DeviceServer;
import dev.muser.server.Loop;
import dev.muser.server.LoopPolicy;
import dev.muser.server.ServerOptions;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.OptionalInt;
import java.util.concurrent.CopyOnWriteArrayList;

/**
 * A device behind a socket of its own, on a loop of its own, for the length of a test; it keeps
 * what clients write to its BARs.
 */
public final class ServedDevice implements AutoCloseable {
    private final Path directory;
    private final Path socket;
    private final List<RegionWrite> writes = new CopyOnWriteArrayList<>();
    private final Loop loop;
    private final DeviceServer server;

    private ServedDevice(DeviceFactory factory, LoopPolicy policy) throws IOException {
        directory = Files.createTempDirectory("muser-test");
        socket = directory.resolve("device.sock");
        loop = Loop.start("served-device", policy, OptionalInt.empty());
        try {
            server =
                    DeviceServer.listen(
                            loop,
                            eventLoop ->
                                    new WriteRecorder(
                                            PciDevice.create(factory, eventLoop), writes::add),
                            socket,
                            ServerOptions.DEFAULTS);
        } catch (RuntimeException e) {
            loop.close();
            Files.delete(directory);
            throw e;
        }
    }

    /** Serves a device at a socket in a folder of its own under the system's temporary folder. */
    public static ServedDevice start(DeviceFactory factory) {
        return start(factory, LoopPolicy.BLOCKING);
    }

    public static ServedDevice start(DeviceFactory factory, LoopPolicy policy) {
        try {
            return new ServedDevice(factory, policy);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Returns where clients connect. */
    public Path socket() {
        return socket;
    }

    /** Returns the folder that has the socket and nothing else. */
    public Path directory() {
        return directory;
    }

    /** Returns what clients have written to BARs so far, in order. */
    public List<RegionWrite> writes() {
        return List.copyOf(writes);
    }

    @Override
    public void close() {
        server.close();
        loop.close();
        try {
            Files.deleteIfExists(directory);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
