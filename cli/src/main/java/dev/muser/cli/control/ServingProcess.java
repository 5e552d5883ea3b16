package dev.muser.cli.control;

import dev.muser.cli.UserError;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * The process that serves a device which is kept, as its operators see it: another now and then.
 */
public final class ServingProcess {
    private static final long PAUSE = 20_000_000;

    /** A process answers at once, unless its device is busy. */
    private static final Duration TO_ANSWER = Duration.ofSeconds(10);

    /** The newest build may have to be built. */
    private static final Duration TO_UPGRADE = Duration.ofMinutes(6);

    private static final Duration TO_APPEAR = Duration.ofSeconds(15);

    private final Path socket;

    /**
     * @param socket the device's own
     */
    public ServingProcess(Path socket) {
        this.socket = socket;
    }

    /**
     * Returns its number.
     *
     * @throws UserError when there is none
     */
    public long id() {
        try (var client = connect(TO_ANSWER)) {
            return id(client);
        }
    }

    private static long id(ControlClient client) {
        if (client.ask(Map.of("command", "process")).get("pid") instanceof Number number) {
            return number.longValue();
        }
        throw new UserError("the server does not say which process it is: is it another version?");
    }

    private ControlClient connect(Duration patience) {
        var client = ControlClient.connect(socket, patience);
        if (client == null) {
            throw new UserError(
                    ("there is no control socket beside %s: is a device kept there ('muser serve"
                                    + " --keep')?")
                            .formatted(socket));
        }
        return client;
    }

    /**
     * Has one of the newest build go on in its place; returns which one was there before. It may
     * take minutes.
     *
     * @throws UserError when it goes on itself, with the reason
     */
    public long upgrade() {
        try (var client = connect(TO_UPGRADE)) {
            long before = id(client);
            client.upgrade();
            return before;
        }
    }

    /**
     * Waits until another process than {@code before} serves; returns its number.
     *
     * @throws UserError when none does
     */
    public long awaitOther(long before) {
        long deadline = System.nanoTime() + TO_APPEAR.toNanos();
        while (System.nanoTime() - deadline < 0 && !Thread.currentThread().isInterrupted()) {
            var now = idIfThere();
            if (now != null && now != before) {
                return now;
            }
            LockSupport.parkNanos(PAUSE);
        }
        throw new UserError("the new process does not answer at " + socket);
    }

    /** The device is served before its control socket is. */
    private @Nullable Long idIfThere() {
        try {
            return id();
        } catch (UserError e) {
            return null; // it is about to end, or to begin
        }
    }
}
