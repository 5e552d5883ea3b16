package dev.muser.bench;

import dev.muser.client.RemoteDevice;
import dev.muser.device.Region;
import dev.muser.linux.Affinity;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/**
 * What it costs that a device outlives its process: the pauses that a client sees, and what keeping
 * costs while nothing happens. {@code bench/restart} runs it.
 */
public final class RestartCosts {
    private static final int WARM_UP = 20_000;
    private static final int TURN = 20_000;

    private final String muser;
    private final Path folder;
    private final int rounds;
    private final int client;
    private final int server;

    private RestartCosts(String muser, Path folder, int rounds, int client, int server) {
        this.muser = muser;
        this.folder = folder;
        this.rounds = rounds;
        this.client = client;
        this.server = server;
    }

    /**
     * Runs all.
     *
     * @param arguments the script that starts muser, how many pauses of each kind, and how many
     *     rounds of each cost
     */
    public static void main(String[] arguments) throws IOException, InterruptedException {
        var cpus = Affinity.get();
        int client = cpus.nextSetBit(0);
        int other = cpus.nextSetBit(client + 1) < 0 ? client : cpus.nextSetBit(client + 1);
        var folder = Files.createTempDirectory("muser-restart");
        try {
            int pauses = Integer.parseInt(arguments[1]);
            int rounds = Integer.parseInt(arguments[2]);
            for (var kind : Pauses.Kind.values()) {
                if (pauses > 0) {
                    System.out.println(
                            Pauses.measure(arguments[0], folder.resolve("p"), kind, pauses));
                }
            }
            var costs = new RestartCosts(arguments[0], folder, rounds, client, other);
            if (rounds > 0) {
                costs.registers("blocking");
                costs.registers("adaptive");
                costs.disk(1);
                costs.disk(32);
            }
        } finally {
            try (var files = Files.list(folder)) {
                for (var file : files.toList()) {
                    Files.delete(file);
                }
            }
            Files.delete(folder);
        }
    }

    private Process serve(String name, List<String> words) throws IOException {
        var command = new ArrayList<String>(List.of(muser, "serve"));
        command.addAll(words);
        command.addAll(List.of("-q", "--cpu", Integer.toString(server), "--socket-path"));
        command.add(folder.resolve(name).toString());
        var process =
                new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT).start();
        process.inputReader().readLine();
        return process;
    }

    private static void stop(Process process) throws InterruptedException {
        process.destroy();
        process.waitFor(30, TimeUnit.SECONDS);
    }

    /** On a thread of its own, so that the servers do not inherit its CPU. */
    private void pinned(Runnable work) throws InterruptedException {
        var thread =
                Thread.ofPlatform()
                        .start(() -> {
                            Affinity.pin(client);
                            work.run();
                        });
        thread.join();
    }

    private void registers(String policy) throws IOException, InterruptedException {
        var processes = new ArrayList<Process>();
        try {
            processes.add(serve("plain", List.of("edu", "--policy", policy)));
            processes.add(serve("kept", List.of("edu", "--policy", policy, "--keep")));
            processes.add(
                    serve(
                            "nojournal",
                            List.of("edu", "--policy", policy, "--keep", "--journal=off")));
            pinned(() -> {
                var devices =
                        Stream.of("plain", "kept", "nojournal")
                                .map(folder::resolve)
                                .map(RemoteDevice::connect)
                                .toList();
                report("register write, " + policy, devices);
                devices.forEach(RemoteDevice::close);
            });
        } finally {
            for (var process : processes) {
                stop(process);
            }
        }
    }

    /** In turns, so that all have the same weather. */
    private void report(String title, List<RemoteDevice> devices) {
        var buffer = Arena.ofAuto().allocate(8, 8);
        var nanos = new double[devices.size()][rounds];
        devices.forEach(device -> writes(device, buffer, WARM_UP));
        for (int round = 0; round < rounds; round++) {
            for (int i = 0; i < devices.size(); i++) {
                nanos[i][round] = writes(devices.get(i), buffer, TURN);
            }
        }
        System.out.printf(
                "%s: plain %.2f us; kept %.2f x; kept without journal %.2f x%n",
                title,
                median(nanos[0]) / 1000,
                ratio(nanos[1], nanos[0]),
                ratio(nanos[2], nanos[0]));
    }

    private static double writes(RemoteDevice device, MemorySegment buffer, int count) {
        long begin = System.nanoTime();
        for (int i = 0; i < count; i++) {
            device.writeRegion(Region.BAR0, 4, buffer, 0, 4);
        }
        return (System.nanoTime() - begin) / (double) count;
    }

    private void disk(int depth) throws IOException, InterruptedException {
        var processes = new ArrayList<Process>();
        try {
            processes.add(serve("plain", List.of("nvme", "--memory", "256M", "--no-control")));
            processes.add(
                    serve("kept", List.of("nvme", "--memory", "256M", "--no-control", "--keep")));
            pinned(() -> disks(depth));
        } finally {
            for (var process : processes) {
                stop(process);
            }
        }
    }

    private void disks(int depth) {
        var what = DiskCase.of("memory", 4096, DiskCase.READ, depth);
        try (var plain = new DiskClient(folder.resolve("plain"), what);
                var kept = new DiskClient(folder.resolve("kept"), what)) {
            plain.fill();
            kept.fill();
            var rates = new double[2][rounds];
            for (int round = 0; round < rounds; round++) {
                rates[0][round] = rate(plain.loads().getFirst());
                rates[1][round] = rate(kept.loads().getFirst());
            }
            System.out.printf(
                    "NVMe, 4 KiB random read, depth %d: plain %.0f k/s; kept %.3f x%n",
                    depth, median(rates[0]) / 1000, ratio(rates[1], rates[0]));
        }
    }

    /** Returns commands a second. */
    private static double rate(DiskLoad load) {
        load.begin(false);
        long before = load.done();
        long begin = System.nanoTime();
        long end = begin + 500_000_000;
        while (System.nanoTime() < end) {
            for (int i = 0; i < 100; i++) {
                load.turn();
            }
        }
        long done = load.done() - before;
        double seconds = (System.nanoTime() - begin) / 1e9;
        load.end();
        return done / seconds;
    }

    private static double ratio(double[] of, double[] to) {
        var ratios = new double[of.length];
        for (int i = 0; i < ratios.length; i++) {
            ratios[i] = of[i] / to[i];
        }
        return median(ratios);
    }

    private static double median(double[] values) {
        var sorted = values.clone();
        Arrays.sort(sorted);
        return sorted[sorted.length / 2];
    }
}
