package dev.muser.device.pci;

import dev.muser.device.state.DeviceHome;
import dev.muser.device.state.StateArea;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * What a device is at this moment: typed fields, declared once by name, in memory given from
 * outside. The memory is the snapshot: whoever maps it, a successor after a crash or the far side
 * of a migration, has the device.
 *
 * <p>Two phases: fields are declared while the device is constructed, then {@link #bind} gives them
 * their memory. A field has no value before that. The names and sizes of the fields lie in the
 * memory too ({@link StateLayout}), so that another build can tell what it knows.
 *
 * <p>Owned by the device's thread. Each request of the client is a transaction, and so is each run
 * of a timer, a task or a poller: if the process dies in the middle, its successor finds the state
 * as it was before, handles the request again, and calls {@link Device#restored}. Exempt are stores
 * that say so: {@link StateArray#setNow}, {@link StateArray#raw}.
 */
public final class DeviceState {
    static final String AREA = "device";

    private static final boolean STEPS = Boolean.getBoolean("muser.state.steps");

    private final Map<String, StateLayout.Entry> entries = new LinkedHashMap<>();
    private final List<StateArray> arrays = new ArrayList<>();

    /** Fields that are not about the device: those of its client, and of a migration. */
    private final Set<String> session = new HashSet<>();

    private long size;
    private @Nullable MemorySegment memory;

    /** Where the fields lie if they outlive the process, and where in it they begin. */
    private @Nullable StateArea area;

    /** The same, if stores to it are to be undone with their transaction. */
    private @Nullable StateArea journalled;

    private long fieldsAt;

    DeviceState() {}

    /**
     * Declares a number of {@code width}.
     *
     * @param name unique in the device; it identifies the field to other builds
     * @throws IllegalStateException once the state is bound
     */
    public StateField field(String name, Width width) {
        return new StateField(this, declare(name, width.bytes(), width.bytes()), width);
    }

    /** Declares {@code length} bytes, as {@link #field} does. */
    public StateArray array(String name, long length) {
        var array = new StateArray(this, declare(name, length, 8), length);
        arrays.add(array);
        return array;
    }

    private long declare(String name, long length, int alignment) {
        if (memory != null) {
            throw new IllegalStateException(
                    "field " + name + " is declared after the device was constructed");
        }
        if (name.isEmpty() || name.chars().anyMatch(c -> c <= ' ' || c > '~')) {
            throw new IllegalArgumentException(
                    "field name '" + name + "': must be printable ASCII without spaces");
        }
        long offset = (size + alignment - 1) & -alignment;
        if (entries.putIfAbsent(name, new StateLayout.Entry(name, offset, length)) != null) {
            throw new IllegalArgumentException("field " + name + " is declared twice");
        }
        size = offset + length;
        return offset;
    }

    /**
     * Says that a field is about the session, or about this place: it survives a restart and does
     * not migrate.
     *
     * @param name of a field or an array
     */
    public void ofSession(String name) {
        session.add(name);
    }

    /** As {@link #layout}, of those fields that migrate, at the places where they are. */
    StateLayout movedLayout() {
        var moved = entries.values().stream().filter(e -> !session.contains(e.name())).toList();
        return new StateLayout(moved, size);
    }

    /** Copies the fields that migrate to memory of the size of {@link #movedLayout}. */
    void copyMoved(MemorySegment into) {
        var layout = movedLayout();
        into.fill((byte) 0);
        var fields = layout.format(into);
        for (var e : layout.entries()) {
            MemorySegment.copy(memory(), e.offset(), fields, e.offset(), e.length());
        }
    }

    /** Returns a copy of all fields. */
    MemorySegment copy() {
        var bytes = Arena.ofAuto().allocate(Math.max(1, size), 8);
        MemorySegment.copy(memory(), 0, bytes, 0, size);
        return bytes;
    }

    /** Gives those fields that do not migrate what they have in a {@link #copy}. */
    void restoreSession(MemorySegment copy) {
        for (var name : session) {
            var e = entries.get(name);
            if (e != null) {
                storeBytes(e.offset(), copy, e.offset(), e.length());
            }
        }
    }

    /** Makes the fields that migrate zero. */
    void clearMoved() {
        for (var e : movedLayout().entries()) {
            for (long at = 0; at < e.length(); at += StateArray.ZEROS.byteSize()) {
                long count = Math.min(StateArray.ZEROS.byteSize(), e.length() - at);
                storeBytes(e.offset() + at, StateArray.ZEROS, 0, count);
            }
        }
    }

    /**
     * Takes the fields of another device, or build: those of the same name.
     *
     * @throws dev.muser.device.state.StateMismatchException when one is not known here, or of
     *     another length; nothing has been changed
     */
    void restoreMoved(MemorySegment from) {
        var layout = movedLayout();
        var fresh = copy();
        layout.restore(from, fresh);
        for (var e : layout.entries()) {
            storeBytes(e.offset(), fresh, e.offset(), e.length());
        }
    }

    /** Returns how the declared fields lie in memory. */
    StateLayout layout() {
        return new StateLayout(List.copyOf(entries.values()), size);
    }

    /** Gives the fields their memory: {@code bytes} of {@link StateLayout#size} bytes, all zero. */
    void bind(MemorySegment bytes) {
        bindFields(layout().format(bytes));
    }

    /**
     * Gives the fields memory that outlives the process, with what a predecessor left there.
     *
     * @param powerOn gives all fields their reset values; it is run first, unless a predecessor
     *     left them all
     * @return whether a predecessor left something
     */
    boolean bind(DeviceHome home, Runnable powerOn) {
        var segment = home.segment();
        var layout = layout();
        var old = segment.area(AREA);
        if (old != null && layout.isOf(old.memory())) {
            bindTo(old, home.journal());
            return true;
        }
        if (old != null) {
            layout.check(old.memory());
        }
        // Another build's fields go to their new places, all of them or none.
        var fresh = segment.replace(AREA, layout.size());
        layout.format(fresh.memory());
        bindTo(fresh, home.journal());
        powerOn.run();
        if (old != null) {
            layout.restore(old.memory(), memory());
        }
        return old != null;
    }

    private void bindTo(StateArea bytes, boolean journal) {
        area = bytes;
        journalled = journal ? bytes : null;
        fieldsAt = layout().fieldsAt();
        bindFields(bytes.memory().asSlice(fieldsAt, size));
    }

    private void bindFields(MemorySegment bytes) {
        if (memory != null) {
            throw new IllegalStateException("bound before");
        }
        memory = bytes;
        for (var array : arrays) {
            array.bind(memory);
        }
    }

    /**
     * Hot. Ends the transaction that is going on, for a device that outlives its process: what has
     * been stored stays, also when the process dies before what it is doing is done. Only for what
     * runs between requests: timers, tasks and pollers, which {@link Device#restored} begins again.
     */
    public void commit() {
        var a = area;
        if (a != null) {
            a.commit();
        }
    }

    /** Returns the fields by name, in the order of their declaration, read-only. */
    Map<String, MemorySegment> contents() {
        var contents = new LinkedHashMap<String, MemorySegment>();
        entries.forEach((name, entry) ->
                contents.put(name, memory().asSlice(entry.offset(), entry.length()).asReadOnly()));
        return contents;
    }

    MemorySegment memory() {
        var m = memory;
        if (m == null) {
            throw new IllegalStateException(
                    "device state is read while the device is still being constructed");
        }
        return m;
    }

    /** Hot. */
    void store(long offset, Width width, long value) {
        var a = journalled;
        if (a != null) {
            a.save(fieldsAt + offset, width.bytes());
        }
        var m = memory();
        switch (width) {
            case U8 -> m.set(StateLayout.U8, offset, (byte) value);
            case U16 -> m.set(StateLayout.U16, offset, (short) value);
            case U32 -> m.set(StateLayout.U32, offset, (int) value);
            case U64 -> m.set(StateLayout.U64, offset, value);
        }
    }

    /**
     * Hot. Says that a store to {@link StateArray#raw} follows: a check of restarts may have the
     * process die here. Costs nothing unless the JVM has {@code -Dmuser.state.steps=true}.
     */
    public void step() {
        if (STEPS) {
            beforeNow();
        }
    }

    /** Hot. A store for good follows. */
    void beforeNow() {
        var a = area;
        if (a != null) {
            a.beforeNow();
        }
    }

    /** Hot. */
    void storeBytes(long offset, MemorySegment from, long at, long count) {
        var a = journalled;
        if (a != null) {
            a.save(fieldsAt + offset, count);
        }
        MemorySegment.copy(from, at, memory(), offset, count);
    }
}
