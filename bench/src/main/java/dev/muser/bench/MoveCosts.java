package dev.muser.bench;

import dev.muser.client.ClientOptions;
import dev.muser.client.DmaBuffer;
import dev.muser.client.MovableDevice;
import dev.muser.client.PciFunction;
import dev.muser.client.RemoteDevice;
import dev.muser.client.nvme.IoQueue;
import dev.muser.client.nvme.NvmeDriver;
import dev.muser.client.nvme.NvmeDriverOptions;
import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Random;
import java.util.stream.Stream;

/**
 * How long an NVMe disk stands still when it moves between two processes while its driver writes:
 * from the request to stop at the source to the answer that it runs at the target. {@code
 * bench/move} runs it.
 */
public final class MoveCosts {
    private static final long SIZE = 256L << 20;
    private static final int BLOCKS = 8;
    private static final int BYTES = BLOCKS * 512;
    private static final int DEPTH = 32;
    private static final int BETWEEN = 5_000;
    private static final ClientOptions PATIENT =
            ClientOptions.DEFAULTS.withTimeout(Duration.ofMinutes(1));

    private final String muser;
    private final Path folder;
    private final int moves;
    private final Random random = new Random(1);

    private MoveCosts(String muser, Path folder, int moves) {
        this.muser = muser;
        this.folder = folder;
        this.moves = moves;
    }

    /**
     * Runs all.
     *
     * @param arguments the script that starts muser, how many moves of each kind, and where the
     *     image is made
     */
    public static void main(String[] arguments) throws IOException {
        var folder = Files.createTempDirectory(Path.of(arguments[2]), "muser-move");
        try {
            var costs = new MoveCosts(arguments[0], folder, Integer.parseInt(arguments[1]));
            var image = Files.write(folder.resolve("disk.img"), new byte[(int) SIZE]).toString();
            for (boolean early : new boolean[] {true, false}) {
                costs.measure("image", early, "--file", image);
                costs.measure("image, --direct", early, "--file", image, "--direct");
                costs.measure("memory", early, "--memory", SIZE + "", "--serial", "BENCH");
            }
        } finally {
            try (Stream<Path> files = Files.list(folder)) {
                for (var file : files.toList()) {
                    Files.delete(file);
                }
            }
            Files.delete(folder);
        }
    }

    private Process serve(Path socket, List<String> words) throws IOException {
        var command = new ArrayList<>(List.of(muser, "serve", "nvme", "-q", "-s"));
        command.add(socket.toString());
        command.addAll(words);
        var child =
                new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT).start();
        var line = child.inputReader().readLine();
        if (!"ready".equals(line)) {
            child.destroy();
            throw new IOException("muser serve said " + line);
        }
        return child;
    }

    private void measure(String name, boolean early, String... disk) throws IOException {
        var uuid = "--uuid=6ba7b810-9dad-11d1-80b4-00c04fd430c8";
        var words = new ArrayList<>(List.of(disk));
        words.add(uuid);
        var places = List.of(folder.resolve("a.sock"), folder.resolve("b.sock"));
        var first = serve(places.getFirst(), words);
        try {
            words.add("--incoming");
            var second = serve(places.getLast(), words);
            try {
                measure(name, early, places);
            } finally {
                end(second);
            }
        } finally {
            end(first);
        }
    }

    private static void end(Process child) {
        child.destroy();
        child.onExit().join();
    }

    private void measure(String name, boolean early, List<Path> places) {
        var pauses = new double[moves];
        long late = 0;
        var device = new MovableDevice(RemoteDevice.connect(places.getFirst(), PATIENT));
        var options =
                NvmeDriverOptions.DEFAULTS
                        .withQueues(1)
                        .withDepth(DEPTH)
                        .withMode(NvmeDriverOptions.Mode.POLLING);
        try (device;
                var function = new PciFunction(device);
                var driver = NvmeDriver.open(function, options)) {
            var queue = driver.queue(0);
            var data = function.dma().allocate((long) DEPTH * BYTES);
            for (long at = 0; at < data.size(); at += Long.BYTES) { // zeros would not be copied
                data.segment().set(ValueLayout.JAVA_LONG, at, random.nextLong());
            }
            for (long at = 0; at < SIZE / BYTES; at += DEPTH) {
                writeBatch(queue, data, at);
            }
            for (int i = 0; i < moves; i++) {
                write(queue, data, BETWEEN);
                var target = RemoteDevice.connect(places.get((i + 1) % 2), PATIENT);
                var move = device.begin(target, early);
                for (int pass = 0; early && pass < 3; pass++) {
                    move.copyEarly();
                    write(queue, data, DEPTH);
                }
                var report = move.finish();
                pauses[i] = report.downtime().toNanos() / 1e6;
                late += report.lateBytes();
            }
        }
        Arrays.sort(pauses);
        System.out.printf(
                Locale.ROOT,
                "%-16s %-9s stopped for %7.1f ms, at most %7.1f ms, copied then %,d KiB%n",
                name,
                early ? "PRE_COPY" : "STOP_COPY",
                pauses[moves / 2],
                pauses[moves - 1],
                late / moves / 1024);
    }

    private static void writeBatch(IoQueue queue, DmaBuffer data, long first) {
        for (int i = 0; i < DEPTH - 1; i++) {
            queue.write((first + i) * BLOCKS, BLOCKS, data, (long) i * BYTES, i);
        }
        queue.kick();
        int[] done = {0};
        while (done[0] < DEPTH - 1) {
            queue.poll(completion -> done[0]++);
        }
    }

    private void write(IoQueue queue, DmaBuffer data, int commands) {
        for (int i = 0; i < commands; i += DEPTH) {
            writeBatch(queue, data, random.nextInt((int) (SIZE / BYTES) - DEPTH));
        }
    }
}
