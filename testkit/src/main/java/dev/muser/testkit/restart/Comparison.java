package dev.muser.testkit.restart;

import dev.muser.device.Region;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;

/** Tells by name where the device that was restarted differs from the one that was not. */
final class Comparison {
    private static final int ENOUGH = 8;

    /** What the state has of interrupts that are raised or pending. */
    private static final Set<String> INTERRUPTS =
            Set.of("pci.interrupts", "pci.msi.pending", "pci.msix.pending");

    private final Twin reference;
    private final Twin restarted;
    private final Set<String> ignored;

    /** Interrupts that the reference has ever signalled. */
    private final Set<TwinClient.Signal> known = new HashSet<>();

    private final boolean comparesSignals;
    private int interrupts;

    /**
     * @param ignored names of fields and registers that may differ
     * @param comparesSignals whether interrupts may not differ
     */
    Comparison(Twin reference, Twin restarted, Set<String> ignored, boolean comparesSignals) {
        this.comparesSignals = comparesSignals;
        this.reference = reference;
        this.restarted = restarted;
        this.ignored = ignored;
    }

    /** Returns how many interrupts the reference was found to have signalled. */
    int interrupts() {
        return interrupts;
    }

    /**
     * Compares all that there is; both devices are quiet.
     *
     * @param repeated whether interrupts may have been repeated: there was a restart since the last
     *     comparison
     */
    List<String> all(boolean repeated) {
        var differences = new ArrayList<String>();
        registers(differences);
        contents(differences);
        memory(differences);
        signals(differences, repeated);
        differences.addAll(restarted.client().strangers(restarted.device()));
        return differences;
    }

    /** Compares what the devices are, and nothing of what they have done. */
    List<String> device() {
        var differences = new ArrayList<String>();
        registers(differences);
        contents(differences);
        return differences;
    }

    private void registers(List<String> differences) {
        for (int region = Region.BAR0; region <= Region.BAR5; region++) {
            var mine = reference.registers(region);
            var other = restarted.registers(region);
            for (int i = 0; i < mine.size() && i < other.size(); i++) {
                var name = "bar%d.%s".formatted(region, mine.get(i).name());
                if (mine.get(i).value() != other.get(i).value() && !ignored.contains(name)) {
                    add(
                            differences,
                            "register %s of BAR%d".formatted(mine.get(i).name(), region),
                            mine.get(i).value(),
                            other.get(i).value());
                }
            }
        }
    }

    private static void add(List<String> differences, String what, long mine, long other) {
        if (differences.size() < ENOUGH) {
            differences.add(
                    "%s: 0x%x without restarts, 0x%x with them".formatted(what, mine, other));
        }
    }

    private void contents(List<String> differences) {
        var mine = reference.device().contents();
        var other = restarted.device().contents();
        mine.forEach((name, bytes) -> {
            var theirs = other.get(name);
            if (theirs != null && !isIgnored(name) && !isRegister(name)) {
                compare(differences, describe(name, bytes), bytes, theirs);
            }
        });
    }

    private boolean isIgnored(String name) {
        return ignored.contains(name) || (!comparesSignals && INTERRUPTS.contains(name));
    }

    /** Stored registers have been compared, with their values. */
    private boolean isRegister(String name) {
        for (int region = Region.BAR0; region <= Region.BAR5; region++) {
            var prefix = "bar" + region + ".";
            if (name.startsWith(prefix)) {
                var rest = name.substring(prefix.length());
                return reference.registers(region).stream().anyMatch(r -> r.name().equals(rest));
            }
        }
        return false;
    }

    private static String describe(String name, MemorySegment bytes) {
        return name.startsWith("memory of ") || bytes.byteSize() == 0 ? name : "field " + name;
    }

    private static void compare(
            List<String> differences, String what, MemorySegment mine, MemorySegment other) {
        long at = mine.mismatch(other);
        if (at < 0) {
            return;
        }
        if (mine.byteSize() <= 8) {
            add(differences, what, RequestText.number(mine), RequestText.number(other));
        } else {
            add(
                    differences,
                    "%s, byte 0x%x".formatted(what, at),
                    mine.get(ValueLayout.JAVA_BYTE, at) & 0xff,
                    other.get(ValueLayout.JAVA_BYTE, at) & 0xff);
        }
    }

    private void memory(List<String> differences) {
        var mine = reference.memory();
        var other = restarted.memory();
        long at = mine.mismatch(other);
        if (at >= 0) {
            add(
                    differences,
                    "client memory at 0x%x".formatted(reference.memoryAt() + at),
                    mine.get(ValueLayout.JAVA_BYTE, at) & 0xff,
                    other.get(ValueLayout.JAVA_BYTE, at) & 0xff);
        }
    }

    private void signals(List<String> differences, boolean repeated) {
        var mine = reference.client().takeSignalled();
        var other = restarted.client().takeSignalled();
        known.addAll(mine);
        interrupts += mine.size();
        if (!comparesSignals) {
            return;
        }
        var lost = new TreeSet<>(mine);
        lost.removeAll(other);
        for (var signal : lost) {
            differences.add(
                    "interrupt %s: signalled without restarts, lost with them"
                            .formatted(RequestText.interrupt(signal)));
        }
        other.removeAll(mine);
        for (var signal : other) {
            if (!repeated || !known.contains(signal)) {
                differences.add(
                        "interrupt %s: signalled with restarts, not without them"
                                .formatted(RequestText.interrupt(signal)));
            }
        }
    }
}
