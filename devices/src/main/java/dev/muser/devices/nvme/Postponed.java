package dev.muser.devices.nvme;

import java.util.ArrayDeque;

/** Commands of several steps that go on in the next turn. */
final class Postponed {
    private final ArrayDeque<Command> commands = new ArrayDeque<>();
    private final ArrayDeque<Continuation> steps = new ArrayDeque<>();

    void add(Command command, Continuation step) {
        commands.add(command);
        steps.add(step);
    }

    /** Hot. Goes on with those that wait now; returns whether there were any. */
    boolean run() {
        if (commands.isEmpty()) {
            return false;
        }
        for (int n = commands.size(); n > 0 && !commands.isEmpty(); n--) {
            var step = steps.remove();
            step.run(commands.remove(), 0);
        }
        return true;
    }

    /** They were cancelled, and so given back already. */
    void clear() {
        commands.clear();
        steps.clear();
    }
}
