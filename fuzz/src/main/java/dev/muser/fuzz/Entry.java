package dev.muser.fuzz;

import java.util.logging.Level;
import java.util.logging.Logger;
import org.jspecify.annotations.Nullable;

/** What Jazzer calls; {@value #PROPERTY} names the target. */
public final class Entry {
    private static final String PROPERTY = "muser.fuzz.target";

    private static final Logger LOGGER = Logger.getLogger("dev.muser");

    private static @Nullable Target target;

    private Entry() {}

    /** Is called once, before all inputs. */
    public static void fuzzerInitialize() {
        LOGGER.setLevel(Level.OFF); // of each lost connection, and each fatal status
        target = Targets.of(System.getProperty(PROPERTY, "")).make();
    }

    /** Is called with each input. */
    public static void fuzzerTestOneInput(byte[] bytes) {
        var made = target;
        if (made == null) {
            throw new IllegalStateException("not initialized");
        }
        made.run(new Input(bytes));
    }
}
