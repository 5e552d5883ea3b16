package dev.muser.bench;

import dev.muser.client.Waiting;
import dev.muser.server.LoopPolicy;
import java.util.Locale;

/** How both sides wait, and on which CPUs they run. */
public enum Policy {
    /** Both sleep, on the same CPU: what a message costs when nothing else matters. */
    BLOCKING,

    /** Both poll, each on a CPU of its own: the shortest way there and back. */
    POLLING;

    LoopPolicy server() {
        return this == POLLING ? LoopPolicy.POLLING : LoopPolicy.BLOCKING;
    }

    Waiting client() {
        return this == POLLING ? Waiting.POLLING : Waiting.BLOCKING;
    }

    boolean spins() {
        return this == POLLING;
    }

    /** Returns the name on a command line. */
    public String id() {
        return name().toLowerCase(Locale.ROOT);
    }

    /** As it is typed. */
    @Override
    public String toString() {
        return id();
    }

    /**
     * Finds a policy by its {@link #id}.
     *
     * @throws IllegalArgumentException when there is none
     */
    public static Policy of(String id) {
        for (var policy : values()) {
            if (policy.id().equals(id)) {
                return policy;
            }
        }
        throw new IllegalArgumentException(
                "no policy is called " + id + "; there are blocking and polling");
    }
}
