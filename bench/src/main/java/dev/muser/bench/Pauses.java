package dev.muser.bench;

import dev.muser.client.ClientOptions;
import dev.muser.client.RemoteDevice;
import dev.muser.device.Region;
import dev.muser.linux.PidFd;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * How long a client waits for its answer while the device process dies, or is replaced: the longest
 * round trip of a register access about that time, when accesses follow each other without a break.
 */
final class Pauses {
    /** What happens to the device process. */
    enum Kind {
        COLD,
        SPARE,
        UPGRADE
    }

    private static final Duration PATIENCE = Duration.ofSeconds(60);

    /** A spare has been started by then, and is warm; the driver of the old one is compiled. */
    private static final long SETTLE_NANOS = 2_500_000_000L;

    private final ProcessHandle keeper;
    private volatile long longest;
    private volatile boolean over;
    private volatile @Nullable Throwable failure;

    private Pauses(ProcessHandle keeper) {
        this.keeper = keeper;
    }

    static String measure(String muser, Path socket, Kind kind, int count)
            throws IOException, InterruptedException {
        var command =
                new ArrayList<String>(
                        List.of(muser, "serve", "edu", "--keep", "-q", "--socket-path"));
        command.add(socket.toString());
        if (kind == Kind.SPARE) {
            command.add("--spare");
        }
        var process =
                new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.DISCARD).start();
        try {
            process.inputReader().readLine();
            return new Pauses(process.toHandle()).run(socket, kind, count);
        } finally {
            process.destroy();
            process.waitFor(30, TimeUnit.SECONDS);
        }
    }

    private String run(Path socket, Kind kind, int count) throws InterruptedException {
        var client =
                Thread.ofPlatform()
                        .daemon()
                        .start(() -> {
                            try {
                                access(socket);
                            } catch (Throwable t) {
                                failure = t;
                            }
                        });
        var pauses = new double[count];
        for (int i = 0; i < count; i++) {
            LockSupport.parkNanos(SETTLE_NANOS);
            longest = 0;
            var before = device();
            long pid = before.pid();
            if (kind == Kind.UPGRADE) {
                try (var fd = PidFd.open(keeper.pid())) {
                    fd.signal(PidFd.SIGHUP);
                }
            } else {
                before.destroyForcibly();
            }
            while (failure == null && (before.isAlive() || device().pid() == pid)) {
                LockSupport.parkNanos(1_000_000);
            }
            LockSupport.parkNanos(700_000_000);
            if (failure != null) {
                throw new IllegalStateException("the client was not answered", failure);
            }
            pauses[i] = longest / 1e6;
        }
        over = true;
        client.join();
        Arrays.sort(pauses);
        return String.format(
                Locale.ROOT,
                "pause, %s: p50 %.0f ms, p99 %.0f ms, most %.0f ms (%d times)",
                kind.name().toLowerCase(Locale.ROOT),
                pauses[count / 2],
                pauses[Math.min(count - 1, count * 99 / 100)],
                pauses[count - 1],
                count);
    }

    /** Of the keeper's children the spare is the youngest. */
    private ProcessHandle device() {
        return keeper.children()
                .min((a, b) -> started(a).compareTo(started(b)))
                .orElse(ProcessHandle.current());
    }

    private static Instant started(ProcessHandle process) {
        return process.info().startInstant().orElse(Instant.MAX);
    }

    private void access(Path socket) {
        var buffer = Arena.ofAuto().allocate(8, 8);
        var options = ClientOptions.DEFAULTS.withTimeout(PATIENCE);
        try (var device = RemoteDevice.connect(socket, options)) {
            long last = System.nanoTime();
            for (int n = 0; !over; n++) {
                buffer.set(ValueLayout.JAVA_INT, 0, n);
                device.writeRegion(Region.BAR0, 4, buffer, 0, 4);
                device.readRegion(Region.BAR0, 4, buffer, 0, 4);
                if (buffer.get(ValueLayout.JAVA_INT, 0) != ~n) {
                    throw new IllegalStateException("wrong answer");
                }
                long now = System.nanoTime();
                longest = Math.max(longest, now - last);
                last = now;
            }
        }
    }
}
