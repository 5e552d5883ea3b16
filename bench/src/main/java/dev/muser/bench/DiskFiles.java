package dev.muser.bench;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import org.HdrHistogram.Histogram;

/** A disk in a file beside fio on the same file, by turns. */
final class DiskFiles {
    /** The least that fio knows, in milliseconds. */
    private static final long SHORTEST = 1000;

    private static final int PIECE = 1 << 20;

    private final BenchOptions options;
    private final Report report;
    private final int serverCpu;

    DiskFiles(BenchOptions options, Report report, int serverCpu) {
        this.options = options;
        this.report = report;
        this.serverCpu = serverCpu;
    }

    static List<DiskCase> cases() {
        var cases = new ArrayList<DiskCase>();
        for (var kind : List.of("buffered", "direct")) {
            for (int writes : new int[] {DiskCase.READ, DiskCase.WRITE}) {
                cases.add(DiskCase.of(kind, 4096, writes, 1));
                cases.add(DiskCase.of(kind, 4096, writes, 32));
            }
        }
        return cases;
    }

    /** On the driver's thread. */
    void run(ChildJvm server, Path folder, List<DiskCase> cases) {
        var fio = Fio.find();
        if (fio.isEmpty()) {
            report.note(
                    "no fio on the path or in the guest tests' rig: files have no floor to stand"
                            + " beside");
        }
        var image = image(folder);
        for (var what : cases) {
            var socket = server.ask("disk %s 4096 MAPPED sleep %s".formatted(what.kind(), image));
            report.add(measure(what, Path.of(socket), image, fio));
            server.ask("drop");
        }
    }

    /**
     * Makes an image. All of it is written: what never was is not like a disk in use, neither for
     * fio nor for us.
     */
    static Path image(Path folder) {
        var image = folder.resolve("disk.img");
        var bytes = new byte[PIECE];
        var random = new Random(1);
        try (var file =
                FileChannel.open(image, StandardOpenOption.CREATE, StandardOpenOption.WRITE)) {
            for (long at = 0; at < DiskServer.SIZE; at += PIECE) {
                random.nextBytes(bytes);
                var piece = ByteBuffer.wrap(bytes);
                while (piece.hasRemaining()) {
                    file.write(piece);
                }
            }
            file.force(true);
            return image;
        } catch (IOException e) {
            throw new UncheckedIOException("cannot write " + image, e);
        }
    }

    private DiskFigure measure(DiskCase what, Path socket, Path image, Optional<Fio> fio) {
        long millis = Math.max(SHORTEST, 3 * options.time().toMillis());
        long nanos = millis * 1_000_000;
        int rounds = options.starts() > 2 ? 3 : 1;
        boolean direct = what.kind().equals("direct");
        boolean write = what.writes() == DiskCase.WRITE;
        var speeds = new double[rounds];
        var floors = new double[rounds];
        var ratios = new double[rounds];
        var times = new Histogram(DiskLoad.MAX_NANOS, 3);
        for (int i = 0; i < rounds; i++) {
            floors[i] =
                    fio.isEmpty()
                            ? Double.NaN
                            : fio.get().run(image, direct, write, what.depth(), serverCpu, millis);
            try (var client = new DiskClient(socket, what)) {
                DiskSpeeds.run(client.loads(), nanos / 8, false);
                // beside a disk's time that of a look at the clock is nothing
                speeds[i] = DiskSpeeds.run(client.loads(), nanos, true);
                times.add(client.loads().getFirst().times());
            }
            ratios[i] = speeds[i] / floors[i];
        }
        double perSecond = median(speeds);
        return new DiskFigure(
                Benchmark.NVME_FILE,
                what.title(),
                perSecond,
                1e9 * what.depth() / perSecond,
                times.getValueAtPercentile(50),
                times.getValueAtPercentile(99),
                times.getValueAtPercentile(99.9),
                fio.isEmpty() ? null : "fio, mean",
                1e9 * what.depth() / median(floors),
                1 / median(ratios),
                Double.NaN);
    }

    private static double median(double[] values) {
        var sorted = values.clone();
        Arrays.sort(sorted);
        return sorted[sorted.length / 2];
    }
}
