package dev.muser.bench;

import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** fio with io_uring: from the path, or from the guest tests' rig. */
final class Fio {
    /** Places in a line of {@code --output-format=terse}, version 3. */
    private static final int VERSION = 0;

    private static final int READ_IOPS = 7;
    private static final int WRITE_IOPS = 48;

    private final List<String> command;

    private Fio(List<String> command) {
        this.command = command;
    }

    /** Returns none where there is no fio. */
    static Optional<Fio> find() {
        for (var folder : System.getenv().getOrDefault("PATH", "").split(File.pathSeparator, -1)) {
            var file = Path.of(folder, "fio");
            if (Files.isExecutable(file)) {
                return Optional.of(new Fio(List.of(file.toString())));
            }
        }
        var run = rig().resolve("run");
        return Files.isExecutable(run)
                ? Optional.of(new Fio(List.of(run.toString(), "fio")))
                : Optional.empty();
    }

    private static Path rig() {
        var cache = System.getenv("MUSER_CACHE");
        return cache == null || cache.isEmpty()
                ? Path.of(System.getProperty("user.home"), ".cache", "muser", "rig")
                : Path.of(cache, "rig");
    }

    /** Returns commands a second of 4 KiB at random places of a file. */
    double run(Path file, boolean direct, boolean write, int depth, int cpu, long millis) {
        var words = new ArrayList<>(command);
        words.addAll(
                List.of(
                        "--name=floor",
                        "--filename=" + file,
                        "--ioengine=io_uring",
                        "--direct=" + (direct ? 1 : 0),
                        "--invalidate=0", // or what is in the page cache leaves it
                        "--rw=" + (write ? "randwrite" : "randread"),
                        "--bs=4k",
                        "--iodepth=" + depth,
                        "--norandommap",
                        "--cpus_allowed=" + cpu,
                        "--time_based",
                        "--runtime=" + Math.max(1, Math.round(millis / 1000.0)),
                        "--output-format=terse",
                        "--terse-version=3"));
        var line = output(words);
        var fields = line.split(";", -1);
        if (fields.length <= WRITE_IOPS || !fields[VERSION].equals("3")) {
            throw new IllegalStateException("fio said: " + line);
        }
        return Double.parseDouble(fields[write ? WRITE_IOPS : READ_IOPS]);
    }

    private static String output(List<String> words) {
        try {
            var process =
                    new ProcessBuilder(words)
                            .redirectError(ProcessBuilder.Redirect.INHERIT)
                            .start();
            process.getOutputStream().close();
            return new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8)
                    .strip();
        } catch (IOException e) {
            throw new UncheckedIOException("cannot run " + words.getFirst(), e);
        }
    }
}
