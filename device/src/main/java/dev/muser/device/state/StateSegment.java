package dev.muser.device.state;

import static java.nio.charset.StandardCharsets.US_ASCII;

import dev.muser.linux.Fd;
import dev.muser.linux.FileStatus;
import dev.muser.linux.Mapping;
import dev.muser.linux.MemoryFile;
import dev.muser.linux.SyscallException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The memory that outlives a device's process: named areas, and one undo log for all of them.
 *
 * <p>All stores between two {@link #commit}s are one transaction. A successor that opens the
 * segment finds it as the last commit left it, whatever instruction the process died at.
 *
 * <pre>
 *    0  u64  magic "MUSERSG1"
 *    8  u64  1 once set-up is complete
 *   16  u64  number of areas
 *   24  u64  place of the log: offset in pages in the low half, pages in the high half
 *   32  u64  end of what is in use, in bytes
 *   40  u64  process that uses it, 48 u64 when that was started, in clock ticks
 *   64  u64  bytes of the log that are in use
 *  128  label, 64 bytes: what kind of device this is of
 *  192  areas, 64 bytes each: name (48), offset u64, length u64
 * </pre>
 *
 * <p>Owned by the device's thread.
 */
public final class StateSegment implements AutoCloseable {
    static final int LOG_USED = 64;

    private static final ValueLayout.OfLong LONG =
            ValueLayout.JAVA_LONG.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final VarHandle LONGS = LONG.varHandle();
    private static final long MAGIC = 0x3147_5352_4553_554dL; // "MUSERSG1"
    private static final int READY = 8;
    private static final int AREAS = 16;
    private static final int LOG_PLACE = 24;
    private static final int END = 32;
    private static final int OWNER = 40;
    private static final int LABEL = 128;
    private static final int TABLE = 192;
    private static final int ENTRY = 64;
    private static final int NAME = 48;
    private static final int MAX_AREAS = 60;
    private static final long PAGE = 4096;
    private static final long FIRST_LOG = 64 * PAGE;

    private final Fd fd;
    private final Mapping headerMapping;
    private final MemorySegment header;
    private final List<Mapping> mappings = new ArrayList<>();
    private final Map<String, StateArea> opened = new HashMap<>();
    private final boolean restored;
    private final Mapping.Access access;
    private UndoLog log;
    private boolean hasAreas;

    private StateSegment(Fd fd, boolean restored, Mapping.Access access) {
        this.fd = fd;
        this.restored = restored;
        this.access = access;
        headerMapping = mapped(0, PAGE);
        header = headerMapping.segment();
        if (restored) {
            long place = header.get(LONG, LOG_PLACE);
            log = new UndoLog(this, header, mapped(logOffset(place), logLength(place)));
        } else {
            header.set(LONG, END, PAGE);
            var room = newLog(FIRST_LOG);
            use(room);
            log = new UndoLog(this, header, room.mapping);
            own();
            header.set(LONG, 0, MAGIC);
        }
    }

    /**
     * Makes a new one.
     *
     * @param label what kind of device it is of, up to 64 ASCII characters; a successor has to name
     *     the same
     */
    public static StateSegment create(String label) {
        var fd = MemoryFile.create("muser-state", PAGE);
        try {
            MemoryFile.seal(fd, MemoryFile.SEAL_SHRINK);
            var segment = new StateSegment(fd, false, Mapping.Access.READ_WRITE);
            var bytes = ascii(label, ENTRY);
            MemorySegment.copy(
                    bytes, 0, segment.header, ValueLayout.JAVA_BYTE, LABEL, bytes.length);
            return segment;
        } catch (RuntimeException | Error e) {
            fd.close();
            throw e;
        }
    }

    /**
     * Opens what a predecessor left, and undoes what it did not commit.
     *
     * @param fd belongs to the segment from now on, unless this throws
     * @return null when the predecessor died before {@link #ready}: there is nothing to go on from
     * @throws StateMismatchException when it is not such a segment, or damaged, or of another
     *     device than {@code label} says
     */
    public static @Nullable StateSegment open(Fd fd, String label) {
        return open(fd, label, 0);
    }

    /**
     * As {@link #open(Fd, String)}, where the process before may not have ended.
     *
     * @param predecessor a process that uses the state no more; 0 for none
     */
    public static @Nullable StateSegment open(Fd fd, String label, long predecessor) {
        if (!isReady(fd, label)) {
            return null;
        }
        var segment = new StateSegment(fd, true, Mapping.Access.READ_WRITE);
        try {
            segment.take(predecessor);
        } catch (StateMismatchException e) {
            segment.unmap();
            throw e;
        }
        long end = segment.header.get(LONG, END);
        try (var all = segment.mapped(0, end)) {
            segment.log.rollBack(all.segment());
        } catch (StateMismatchException e) {
            segment.unmap();
            throw e;
        }
        return segment;
    }

    /** Two processes that change it would be the end of it. */
    private void take(long predecessor) {
        var owner = new StateOwner(header.get(LONG, OWNER), header.get(LONG, OWNER + 8));
        if (owner.process() != predecessor && owner.isAnotherThatLives()) {
            throw new StateMismatchException(
                    "the stored state is in use by process " + owner.process());
        }
        own();
    }

    private void own() {
        var self = StateOwner.self();
        header.set(LONG, OWNER, self.process());
        header.set(LONG, OWNER + 8, self.started());
    }

    /**
     * Opens what another process is still using, only to look whether this one could go on from it.
     * As {@link #open}, but nothing is undone, and nothing can be stored.
     */
    public static @Nullable StateSegment look(Fd fd, String label) {
        return isReady(fd, label) ? new StateSegment(fd, true, Mapping.Access.READ) : null;
    }

    private static boolean isReady(Fd fd, String label) {
        requireMemory(fd);
        try (var look = Mapping.confined(fd, 0, PAGE, Mapping.Access.READ)) {
            check(look.segment(), FileStatus.of(fd).size(), label);
            return look.segment().get(LONG, READY) == 1;
        }
    }

    private static void requireMemory(Fd fd) {
        try {
            var status = FileStatus.of(fd);
            if (status.isRegular()
                    && status.size() >= PAGE
                    && (MemoryFile.seals(fd) & MemoryFile.SEAL_SHRINK) != 0) {
                return;
            }
        } catch (SyscallException e) {
            throw new StateMismatchException("the stored state cannot be read: " + e.getMessage());
        }
        throw new StateMismatchException("what is stored as the state is not such memory");
    }

    private static void check(MemorySegment header, long size, String label) {
        if (header.get(LONG, 0) != MAGIC) {
            throw new StateMismatchException("the stored state does not begin as one");
        }
        long end = header.get(LONG, END);
        long place = header.get(LONG, LOG_PLACE);
        long areas = header.get(LONG, AREAS);
        boolean sound =
                end >= PAGE
                        && end <= size
                        && areas >= 0
                        && areas <= MAX_AREAS
                        && logLength(place) > 0
                        && logOffset(place) + logLength(place) <= end;
        for (int i = 0; sound && i < areas; i++) {
            long offset = header.get(LONG, entry(i) + NAME);
            long length = header.get(LONG, entry(i) + NAME + 8);
            sound = offset >= PAGE && length >= 0 && offset % PAGE == 0 && offset <= end - length;
        }
        if (!sound) {
            throw new StateMismatchException("the stored state is damaged or cut short");
        }
        var stored = text(header, LABEL, ENTRY);
        if (!stored.equals(label)) {
            throw new StateMismatchException(
                    "the stored state is of '%s', and this is '%s'".formatted(stored, label));
        }
    }

    /**
     * Has {@code step} run before each change of the state and before each commit, for tests of
     * what is left when a process dies there: it can throw, and nothing after it happens.
     *
     * @throws IllegalStateException once there are areas
     */
    public void onStep(Runnable step) {
        if (hasAreas) {
            throw new IllegalStateException("areas of the state are in use already");
        }
        log = new SteppedLog(this, header, log.mapping(), step);
    }

    /** Returns the file; it stays the segment's. */
    public Fd fd() {
        return fd;
    }

    /** Whether a predecessor made it. */
    public boolean isRestored() {
        return restored;
    }

    /**
     * Returns the area of that name, which is new and zero unless a predecessor had it.
     *
     * @param name up to 47 ASCII characters
     * @param length in bytes
     * @throws StateMismatchException when a predecessor had one of another length
     */
    public StateArea area(String name, long length) {
        int index = find(name);
        if (index < 0) {
            return make(name, length);
        }
        long stored = header.get(LONG, entry(index) + NAME + 8);
        if (stored != length) {
            throw new StateMismatchException(
                    "the stored state has %d bytes of '%s' and this build needs %d"
                            .formatted(stored, name, length));
        }
        return areaAt(index, name);
    }

    /** Returns the area of that name as it is; null when there is none. */
    public @Nullable StateArea area(String name) {
        int index = find(name);
        return index < 0 ? null : areaAt(index, name);
    }

    /**
     * Returns a new area, all zero, that takes the place of the one of that name with the next
     * {@link #commit}.
     */
    public StateArea replace(String name, long length) {
        int index = find(name);
        if (index < 0) {
            return make(name, length);
        }
        long offset = allocate(length);
        int at = entry(index) + NAME;
        log.save(at, header, at, 16);
        header.set(LONG, at, offset);
        header.set(LONG, at + 8, length);
        return open(name, offset, length, false);
    }

    /**
     * Makes an area all zero for good, whatever becomes of the transaction that is going on, and
     * gives back the memory that it took. Nothing of it may have been stored in that transaction.
     */
    public void discard(StateArea area) {
        long length = area.memory().byteSize();
        if (length != 0) {
            log.beforeNow();
            MemoryFile.clear(fd, area.position(), (length + PAGE - 1) & -PAGE);
        }
    }

    /** As {@link #discard}; and unmaps the area, which is not to be used until it is asked for. */
    public void release(StateArea area) {
        discard(area);
        opened.values().remove(area);
        mappings.removeIf(mapping -> {
            boolean its = mapping.segment().address() == area.memory().address();
            if (its) {
                mapping.close();
            }
            return its;
        });
    }

    private StateArea open(String name, long offset, long length, boolean hasBeen) {
        var area = new StateArea(log, offset, map(offset, length), hasBeen);
        opened.put(name, area);
        return area;
    }

    private StateArea areaAt(int index, String name) {
        var known = opened.get(name);
        if (known != null) {
            return known;
        }
        long offset = header.get(LONG, entry(index) + NAME);
        long length = header.get(LONG, entry(index) + NAME + 8);
        return open(name, offset, length, restored);
    }

    private StateArea make(String name, long length) {
        int count = (int) header.get(LONG, AREAS);
        if (count == MAX_AREAS) {
            throw new IllegalStateException("more than " + MAX_AREAS + " areas");
        }
        var bytes = ascii(name, NAME - 1);
        long offset = allocate(length);
        MemorySegment.copy(bytes, 0, header, ValueLayout.JAVA_BYTE, entry(count), bytes.length);
        header.set(LONG, entry(count) + NAME, offset);
        header.set(LONG, entry(count) + NAME + 8, length);
        LONGS.setRelease(header, (long) AREAS, count + 1L);
        return open(name, offset, length, false);
    }

    private long allocate(long length) {
        if (length < 0) {
            throw new IllegalArgumentException("area of " + length + " bytes");
        }
        long offset = header.get(LONG, END);
        long end = offset + ((length + PAGE - 1) & -PAGE);
        MemoryFile.resize(fd, end);
        LONGS.setRelease(header, (long) END, end);
        return offset;
    }

    private MemorySegment map(long offset, long length) {
        hasAreas = true;
        if (length == 0) {
            return MemorySegment.NULL;
        }
        var mapping = mapped(offset, (length + PAGE - 1) & -PAGE);
        mappings.add(mapping);
        return mapping.segment().asSlice(0, length);
    }

    private Mapping mapped(long offset, long length) {
        return Mapping.confined(fd, offset, length, access);
    }

    private int find(String name) {
        for (int i = 0; i < (int) header.get(LONG, AREAS); i++) {
            if (text(header, entry(i), NAME).equals(name)) {
                return i;
            }
        }
        return -1;
    }

    private static int entry(int index) {
        return TABLE + index * ENTRY;
    }

    /** Room for a log: where it is in the file, and its mapping. */
    record LogRoom(long place, Mapping mapping) {}

    /** Returns room for a log of at least so many bytes. */
    LogRoom newLog(long length) {
        long rounded = (length + PAGE - 1) & -PAGE;
        long offset = allocate(rounded);
        return new LogRoom(offset / PAGE | ((rounded / PAGE) << 32), mapped(offset, rounded));
    }

    /** From now on the log is there. */
    void use(LogRoom room) {
        LONGS.setRelease(header, (long) LOG_PLACE, room.place);
    }

    private static long logOffset(long place) {
        return (place & 0xffff_ffffL) * PAGE;
    }

    private static long logLength(long place) {
        return (place >>> 32) * PAGE;
    }

    /** Says that set-up is complete: from now on a successor goes on from here. */
    public void ready() {
        commit();
        LONGS.setRelease(header, (long) READY, 1L);
    }

    /** Hot. Ends the transaction that is going on. */
    public void commit() {
        log.commit();
    }

    private static byte[] ascii(String text, int limit) {
        var bytes = text.getBytes(US_ASCII);
        if (bytes.length == 0 || bytes.length > limit) {
            throw new IllegalArgumentException(
                    "name '%s' has not 1 to %d characters".formatted(text, limit));
        }
        return bytes;
    }

    private static String text(MemorySegment memory, long at, int limit) {
        var bytes = memory.asSlice(at, limit).toArray(ValueLayout.JAVA_BYTE);
        int length = 0;
        while (length < limit && bytes[length] != 0) {
            length++;
        }
        return new String(bytes, 0, length, US_ASCII);
    }

    /** Unmaps it; the memory stays with whoever else has the file. */
    @Override
    public void close() {
        unmap();
        fd.close();
    }

    private void unmap() {
        log.close();
        mappings.forEach(Mapping::close);
        headerMapping.close();
    }
}
