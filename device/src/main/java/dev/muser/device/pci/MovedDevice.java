package dev.muser.device.pci;

import dev.muser.device.ResetKind;
import dev.muser.device.stream.Staging;
import dev.muser.device.stream.StreamException;
import dev.muser.linux.MemoryFile;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** A device as something that migrates: what it is, what moves, and how it takes what has come. */
final class MovedDevice {
    private final DeviceContext context;
    private final Device device;
    private final Runnable resetRegions;

    /**
     * @param resetRegions gives BARs, configuration space and interrupts their reset values
     */
    MovedDevice(DeviceContext context, Device device, Runnable resetRegions) {
        this.context = context;
        this.device = device;
        this.resetRegions = resetRegions;
    }

    /** Whether it stands still, so that what is read now is the last. */
    boolean isStopped() {
        return context.deviceLoop().isStopped();
    }

    DeviceState state() {
        return context.state();
    }

    /** Returns the memory of BARs, and what the device names. */
    List<MovedMemory> memory() {
        var all = new ArrayList<MovedMemory>();
        var file = context.barMemory().fileOrNull();
        for (var bar : context.bars()) {
            for (var part : bar.backed()) {
                if (file != null) {
                    var name = "%s@0x%x".formatted(bar, part.offset());
                    all.add(
                            new MovedMemory(
                                    name, file, bar.fileOffset() + part.offset(), part.size()));
                }
            }
        }
        all.addAll(device.movedMemory());
        return all;
    }

    private Map<String, String> traits() {
        var traits = new LinkedHashMap<String, String>();
        var config = context.config();
        traits.put(
                "pci.device",
                "%04x:%04x".formatted(config.initial(0) & 0xffff, config.initial(0) >>> 16));
        traits.put("pci.class", "%06x".formatted(config.initial(8) >>> 8));
        traits.put(
                "pci.subsystem",
                "%04x:%04x".formatted(config.initial(0x2c) & 0xffff, config.initial(0x2c) >>> 16));
        for (var bar : context.bars()) {
            traits.put(bar.toString(), bar.size() + " bytes");
        }
        traits.putAll(device.traits());
        return traits;
    }

    /** Returns what the device is, a trait by line. */
    String identity() {
        var text = new StringBuilder();
        traits().forEach((key, value) -> {
            requirePrintable(key, value);
            text.append(key).append(' ').append(value).append('\n');
        });
        return text.toString();
    }

    private static void requirePrintable(String key, String value) {
        boolean printable = (key + value).chars().allMatch(c -> c >= ' ' && c <= '~');
        if (!printable || key.isEmpty() || key.contains(" ")) {
            throw new IllegalStateException(
                    "trait '%s' of the device, '%s', is not printable ASCII".formatted(key, value));
        }
    }

    /**
     * Checks whether another device is of the same kind.
     *
     * @throws StreamException when it is not
     */
    void requireSame(String identity) {
        var mine = traits();
        for (var line : identity.split("\n", -1)) {
            if (line.isEmpty()) {
                continue;
            }
            int space = line.indexOf(' ');
            var key = space < 0 ? line : line.substring(0, space);
            var theirs = space < 0 ? "" : line.substring(space + 1);
            var own = mine.get(key);
            if (own == null) {
                throw new StreamException(
                        "the sender has %s '%s', and this device knows nothing of it: it is another"
                                        .formatted(key, theirs)
                                + " one, or of an older build");
            }
            if (!own.equals(theirs)) {
                throw new StreamException(
                        "it is another device: %s is '%s' there and '%s' here"
                                .formatted(key, theirs, own));
            }
        }
    }

    /**
     * Becomes what has come, or stays what it is.
     *
     * @throws StreamException when an area is missing
     * @throws dev.muser.device.state.StateMismatchException when the state is not for this build
     */
    void load(List<Staging> areas) {
        MemorySegment fields = null;
        var known = new LinkedHashMap<String, MovedMemory>();
        memory().forEach(memory -> known.put(memory.name(), memory));
        var came = new HashSet<String>();
        for (var area : areas) {
            came.add(area.name());
            if (area.name().equals(MovedState.NAME)) {
                fields = area.bytes();
            } else {
                var target = known.get(area.name());
                if (target == null || target.size() != area.length()) {
                    throw new StreamException(
                            area.name() + " is not what it was when the stream began");
                }
            }
        }
        if (fields == null) {
            throw new StreamException("the stream has no " + MovedState.NAME);
        }
        for (var memory : device.movedMemory()) {
            if (!came.contains(memory.name())) {
                throw new StreamException(memory.name() + " of this device is not in the stream");
            }
        }
        state().movedLayout().check(fields);
        become(fields, areas, known);
    }

    /** Beyond all checks. */
    private void become(
            MemorySegment fields, List<Staging> areas, Map<String, MovedMemory> memory) {
        var before = state().copy();
        resetRegions.run();
        device.reset(ResetKind.DEVICE);
        state().clearMoved();
        resetRegions.run();
        device.powerOn();
        state().restoreMoved(fields);
        state().restoreSession(before); // what the client has masked here
        for (var target : memory.values()) {
            MemoryFile.clear(target.file(), target.offset(), target.size());
        }
        for (var area : areas) {
            var target = memory.get(area.name());
            if (target != null) {
                area.copyTo(target.file(), target.offset());
            }
        }
        device.restored();
        device.movedHere();
    }
}
