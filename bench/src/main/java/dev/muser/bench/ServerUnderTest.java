package dev.muser.bench;

import com.sun.management.ThreadMXBean;
import dev.muser.device.pci.PciDevice;
import dev.muser.server.DeviceServer;
import dev.muser.server.Loop;
import dev.muser.server.ServerOptions;
import java.io.BufferedReader;
import java.io.File;
import java.io.IOException;
import java.io.InputStreamReader;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalInt;
import java.util.concurrent.CompletableFuture;

/**
 * The process that is measured: devices on one loop. Answers on standard output what it is asked on
 * standard input:
 *
 * <pre>
 *   allocated   bytes that the loop's thread has allocated so far
 *   memory      bytes of heap in use after a collection, number of open descriptors
 *   cpu         nanoseconds of CPU time of this process
 *   devices N   makes devices up to N, at PATH1 and so on
 * </pre>
 */
public final class ServerUnderTest {
    private final Loop loop;
    private final String path;
    private final List<DeviceServer> servers = new ArrayList<>();

    private ServerUnderTest(Loop loop, String path) {
        this.loop = loop;
        this.path = path;
    }

    /** Not for users: {@code PATH POLICY [CPU]}. */
    public static void main(String[] args) throws IOException {
        var cpu = args.length > 2 ? OptionalInt.of(Integer.parseInt(args[2])) : OptionalInt.empty();
        var loop = Loop.start("bench", Policy.of(args[1]).server(), cpu);
        var server = new ServerUnderTest(loop, args[0]);
        server.devices(1);
        ChildJvm.sayReady();
        var input = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (var line = input.readLine(); line != null; line = input.readLine()) {
            System.out.println(server.answer(line.split(" ", -1)));
        }
        server.servers.forEach(DeviceServer::close);
        loop.close();
    }

    private String answer(String[] words) throws IOException {
        return switch (words[0]) {
            case "allocated" -> "" + allocated();
            case "memory" -> heap() + " " + descriptors();
            case "cpu" ->
                    "" + ProcessHandle.current().info().totalCpuDuration().orElseThrow().toNanos();
            case "devices" -> {
                devices(Integer.parseInt(words[1]));
                yield "" + servers.size();
            }
            default -> "what is " + words[0] + "?";
        };
    }

    private void devices(int count) {
        while (servers.size() < count) {
            servers.add(
                    DeviceServer.listen(
                            loop,
                            eventLoop -> PciDevice.create(BenchDevice::new, eventLoop),
                            Path.of(path(path, servers.size())),
                            ServerOptions.DEFAULTS));
        }
    }

    /** Returns where the device of this number is. */
    static String path(String path, int number) {
        return number == 0 ? path : path + number;
    }

    private long allocated() {
        var threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
        var bytes = new CompletableFuture<Long>();
        loop.execute(() -> bytes.complete(threads.getCurrentThreadAllocatedBytes()));
        return bytes.join();
    }

    private static long heap() {
        // Twice: what the first one finds to be dead may still be waiting to be cleaned up.
        System.gc();
        System.gc();
        return ManagementFactory.getMemoryMXBean().getHeapMemoryUsage().getUsed();
    }

    private static int descriptors() throws IOException {
        var all = new File("/proc/self/fd").list();
        if (all == null) {
            throw new IOException("cannot list /proc/self/fd");
        }
        return all.length;
    }
}
