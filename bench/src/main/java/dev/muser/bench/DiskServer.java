package dev.muser.bench;

import com.sun.management.ThreadMXBean;
import dev.muser.device.pci.PciDevice;
import dev.muser.devices.nvme.Doorbell;
import dev.muser.devices.nvme.NamespaceOptions;
import dev.muser.devices.nvme.Nvme;
import dev.muser.devices.nvme.NvmeOptions;
import dev.muser.devices.storage.FileOptions;
import dev.muser.devices.storage.FileStorage;
import dev.muser.devices.storage.MemoryStorage;
import dev.muser.devices.storage.NullStorage;
import dev.muser.devices.storage.Storage;
import dev.muser.server.DeviceServer;
import dev.muser.server.Loop;
import dev.muser.server.LoopPolicy;
import dev.muser.server.ServerOptions;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalInt;
import java.util.concurrent.CompletableFuture;

/**
 * The process whose NVMe disks are measured, all on one loop. Answers on standard output what it is
 * asked on standard input:
 *
 * <pre>
 *   disk KIND BLOCK DOORBELL WAIT [FILE]
 *              makes one more disk, at PATH and its number: KIND null, memory, buffered or direct,
 *              the last two on FILE; WAIT poll or sleep
 *   drop       closes all disks
 *   allocated  bytes that the loop's thread has allocated so far
 *   loop       how often the loop's thread has slept, and its CPU time in nanoseconds
 * </pre>
 */
public final class DiskServer {
    /** Of the disks in memory. */
    static final long SIZE = 256L << 20;

    private final Loop loop;
    private final String path;
    private final Path thread;
    private final List<DeviceServer> servers = new ArrayList<>();

    private DiskServer(Loop loop, String path) {
        this.loop = loop;
        this.path = path;
        thread = thread(loop);
    }

    /** Not for users: {@code PATH CPU}. */
    public static void main(String[] args) throws IOException {
        var cpu = OptionalInt.of(Integer.parseInt(args[1]));
        // what polls is the disk, as long as it has a driver
        var loop = Loop.start("disks", LoopPolicy.BLOCKING, cpu);
        var server = new DiskServer(loop, args[0]);
        ChildJvm.sayReady();
        var input = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (var line = input.readLine(); line != null; line = input.readLine()) {
            System.out.println(server.answer(line.split(" ", 6)));
        }
        server.drop();
        loop.close();
    }

    private String answer(String[] words) throws IOException {
        return switch (words[0]) {
            case "disk" -> disk(words);
            case "drop" -> drop();
            case "allocated" -> "" + allocated();
            case "loop" -> sleeps() + " " + cpuNanos();
            default -> "what is " + words[0] + "?";
        };
    }

    private String disk(String[] words) {
        var socket = Path.of(path + servers.size());
        var storage = storage(words);
        var namespace = NamespaceOptions.of(storage, Integer.parseInt(words[2]), socket.toString());
        var options =
                NvmeOptions.of("bench" + servers.size(), List.of(namespace))
                        .withDoorbell(Doorbell.valueOf(words[3]));
        if (words[4].equals("poll")) {
            options = options.withSpin(Duration.ofMillis(1), true);
        }
        var chosen = options;
        servers.add(
                DeviceServer.listen(
                        loop,
                        eventLoop ->
                                PciDevice.create(context -> new Nvme(context, chosen), eventLoop),
                        socket,
                        ServerOptions.DEFAULTS));
        return socket.toString();
    }

    private static Storage storage(String[] words) {
        return switch (words[1]) {
            case "null" -> new NullStorage(SIZE);
            case "memory" -> new MemoryStorage(SIZE);
            default ->
                    FileStorage.open(
                            Path.of(words[5]),
                            FileOptions.DEFAULT.withDirect(words[1].equals("direct")));
        };
    }

    private String drop() {
        servers.forEach(DeviceServer::close);
        servers.clear();
        return "dropped";
    }

    private long allocated() {
        var threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
        var bytes = new CompletableFuture<Long>();
        loop.execute(() -> bytes.complete(threads.getCurrentThreadAllocatedBytes()));
        return bytes.join();
    }

    private long sleeps() throws IOException {
        for (var line : Files.readAllLines(thread.resolve("status"))) {
            if (line.startsWith("voluntary_ctxt_switches:")) {
                return Long.parseLong(line.replaceAll("[^0-9]", ""));
            }
        }
        throw new IOException("no switches in " + thread.resolve("status"));
    }

    private long cpuNanos() throws IOException {
        return Long.parseLong(Files.readString(thread.resolve("schedstat")).split(" ", -1)[0]);
    }

    private static Path thread(Loop loop) {
        var found = new CompletableFuture<Path>();
        loop.execute(() -> {
            try {
                found.complete(
                        Path.of("/proc")
                                .resolve(Files.readSymbolicLink(Path.of("/proc/thread-self"))));
            } catch (IOException e) {
                found.completeExceptionally(e);
            }
        });
        return found.join();
    }
}
