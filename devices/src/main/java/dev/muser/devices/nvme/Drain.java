package dev.muser.devices.nvme;

import java.util.ArrayList;
import java.util.List;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/** Waits for the end of what is under way in a namespace. */
final class Drain {
    private record Wait(BooleanSupplier isOver, Runnable then) {}

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
        await(() -> isQuiet(namespace, except), then);
    }

    /**
     * Runs {@code then} when the commands that are about the namespace now, but for one, are over.
     * Others may follow: they are not waited for.
     */
    void whenOver(Namespace namespace, Command except, Runnable then) {
        List<Command> left = new ArrayList<>();
        commands.collect(namespace, except, left);
        long[] serials = left.stream().mapToLong(c -> c.serial).toArray();
        await(() -> areOver(left, serials), then);
    }

    private static boolean areOver(List<Command> commands, long[] serials) {
        for (int i = 0; i < serials.length; i++) {
            var command = commands.get(i);
            if (command.queue != null && command.serial == serials[i]) {
                return false;
            }
        }
        return true;
    }

    private void await(BooleanSupplier isOver, Runnable then) {
        if (isOver.getAsBoolean()) {
            then.run();
        } else {
            waits.add(new Wait(isOver, then));
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
            if (wait.isOver.getAsBoolean() && waits.remove(wait)) {
                wait.then.run();
            }
        }
    }

    private boolean isQuiet(Namespace namespace, @Nullable Command except) {
        return !namespace.isAway() && !commands.concern(namespace, except);
    }
}
