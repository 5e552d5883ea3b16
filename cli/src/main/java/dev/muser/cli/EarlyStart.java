package dev.muser.cli;

import dev.muser.server.Loop;
import dev.muser.server.LoopPolicy;
import dev.muser.server.WarmUp;
import java.time.Duration;
import java.util.OptionalInt;
import org.jspecify.annotations.Nullable;

/**
 * Links and warms what a server needs on a thread of its own, while the command line is still being
 * read: together they take as long as the longer of the two.
 */
final class EarlyStart {
    static final Duration TIME = Duration.ofMillis(20);

    private static @Nullable Thread thread;

    private EarlyStart() {}

    /** Begins, if the command is going to serve. */
    static void begin(String[] arguments) {
        if (arguments.length > 0 && arguments[0].equals("serve")) {
            thread = Thread.ofPlatform().daemon().name("early-start").start(EarlyStart::warmUp);
        }
    }

    private static void warmUp() {
        try (var loop = Loop.start("early-start-loop", LoopPolicy.BLOCKING, OptionalInt.empty())) {
            WarmUp.run(loop, TIME);
        } catch (RuntimeException e) {
            // What is wrong here is wrong for the server too, which says it.
        }
    }

    /** Waits until it is done; returns false when it was not begun. */
    static boolean await() {
        var begun = thread;
        if (begun == null) {
            return false;
        }
        try {
            begun.join();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        return true;
    }
}
