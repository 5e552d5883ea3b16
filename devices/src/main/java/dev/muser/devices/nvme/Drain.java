package dev.muser.devices.nvme;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Waits for namespaces in which nothing is under way any more. */
final class Drain {
    private record Wait(Namespace namespace, @Nullable Command except, Runnable then) {}

    private final CommandPool commands;
    private final List<Wait> waits = new ArrayList<>();

    Drain(CommandPool commands) {
        this.commands = commands;
    }

    /**
     * Runs {@code then} when no command, but for one, is about the namespace: now, or when the last
     * is over. Whoever calls this sees to it that no others follow.
     */
    void whenQuiet(Namespace namespace, @Nullable Command except, Runnable then) {
        if (isQuiet(namespace, except)) {
            then.run();
        } else {
            waits.add(new Wait(namespace, except, then));
        }
    }

    /** Hot. Commands may have ended. */
    void progressed() {
        if (!waits.isEmpty()) {
            look();
        }
    }

    private void look() {
        for (var wait : List.copyOf(waits)) {
            if (isQuiet(wait.namespace, wait.except) && waits.remove(wait)) {
                wait.then.run();
            }
        }
    }

    private boolean isQuiet(Namespace namespace, @Nullable Command except) {
        return !namespace.isAway() && !commands.concern(namespace, except);
    }
}
