package dev.muser.device.pci;

import dev.muser.device.ClientKind;
import dev.muser.device.IoEventFd;
import dev.muser.device.RegionInfo;
import dev.muser.device.VfioException;
import dev.muser.linux.Errno;
import dev.muser.linux.Fd;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;

/**
 * A base address register and what lies behind it: named registers, memory, areas with handlers of
 * their own. Offsets count in bytes from the start of the BAR.
 *
 * <p>Everything is declared while the device is constructed. What cannot be (overlaps, places
 * beyond the BAR, names used twice) throws {@link IllegalArgumentException}, at the declaration or
 * at the end of the device's constructor.
 */
public final class Bar implements PciRegion {
    private static final long WIDE_FROM = 1L << 32;

    private final int index;
    private final long size;
    private final DeviceState state;
    private final BarMemory memory;
    private final RegisterBank registers;
    private final AreaMap areas;
    private final List<BackedMemory> backed = new ArrayList<>();
    private final List<IoEventFd> ioEventFds = new ArrayList<>();
    private long fileOffset;
    private boolean io;
    private boolean wide;
    private boolean prefetchable;
    private boolean anySize;
    private boolean readable = true;
    private boolean writable = true;
    private boolean sealed;
    private RegionInfo info = RegionInfo.ABSENT;

    /**
     * @param index 0 to 5
     * @param size in bytes
     */
    Bar(int index, long size, DeviceState state, BarMemory memory) {
        if (index < 0 || index > 5) {
            throw new IllegalArgumentException("there is no BAR" + index + ", only 0 to 5");
        }
        if (size <= 0) {
            throw new IllegalArgumentException("BAR" + index + " has size " + size);
        }
        this.index = index;
        this.size = size;
        this.state = state;
        this.memory = memory;
        fileOffset = (long) index << 40;
        registers = new RegisterBank("bar" + index, size, state);
        areas = new AreaMap("bar" + index, size);
    }

    /** Makes it an I/O BAR; it is a 32-bit memory BAR otherwise. */
    public Bar io() {
        requireOpen();
        io = true;
        return this;
    }

    /** Makes it a 64-bit BAR, which takes the next index too. */
    public Bar wide() {
        requireOpen();
        wide = true;
        return this;
    }

    /** Declares that reads have no side effects and writes may be merged. */
    public Bar prefetchable() {
        requireOpen();
        prefetchable = true;
        return this;
    }

    /** Allows a size that no PCI BAR can have: one that is not a power of two. */
    public Bar allowAnySize() {
        requireOpen();
        anySize = true;
        return this;
    }

    /** Refuses the client's writes to the region. */
    public Bar readOnly() {
        requireOpen();
        writable = false;
        return this;
    }

    /** Refuses the client's reads of the region. */
    public Bar writeOnly() {
        requireOpen();
        readable = false;
        return this;
    }

    /** Sets as what the bytes read that nothing is declared for: 0 to 255; 0 otherwise. */
    public Bar holes(int value) {
        requireOpen();
        if (value < 0 || value > 255) {
            throw new IllegalArgumentException(value + " is not a byte");
        }
        registers.hole((byte) value);
        return this;
    }

    /**
     * Begins to declare a register.
     *
     * @param name unique in the BAR; it is stored in the device's state as {@code bar2.NAME}
     * @param offset a multiple of the width
     */
    public RegisterBuilder register(String name, long offset, Width width) {
        requireOpen();
        return registers.declare(name, offset, width);
    }

    /**
     * Declares {@code count} registers of the same kind, named {@code NAME[0]} and so on.
     *
     * @param stride bytes from the start of one to the start of the next
     * @return the registers in ascending order
     */
    public List<Register> registers(
            String name,
            long offset,
            long stride,
            int count,
            Width width,
            RegisterDeclaration declaration) {
        var made = new ArrayList<Register>(count);
        for (int i = 0; i < count; i++) {
            made.add(
                    declaration.declare(
                            i, register(name + "[" + i + "]", offset + i * stride, width)));
        }
        return List.copyOf(made);
    }

    /**
     * Declares memory that is reached by messages alone. It is part of the device's state, and zero
     * after a reset.
     *
     * @param name unique in the BAR, as a register's
     */
    public StateArray memory(String name, long offset, long length) {
        requireOpen();
        // checks the place before it takes the state's memory
        requireWithin("memory " + name, offset, length);
        var bytes = state.array("bar" + index + "." + name, length);
        areas.add("memory " + name, offset, length, new StateMemory(bytes));
        return bytes;
    }

    /**
     * Declares memory that clients can map, all of it.
     *
     * @param offset a multiple of 4096
     * @param length a multiple of 4096
     */
    public BackedMemory mappable(long offset, long length) {
        return backed(offset, length).mappable();
    }

    /**
     * Declares memory of which clients can map those parts that are named by {@link
     * BackedMemory#mappable(long, long)}.
     *
     * @param offset a multiple of 4096
     */
    public BackedMemory backed(long offset, long length) {
        requireOpen();
        if (offset % BackedMemory.PAGE != 0) {
            throw new IllegalArgumentException(
                    "memory of %s at 0x%x does not begin on a page of 4096"
                            .formatted(this, offset));
        }
        var made = new BackedMemory(this, offset, length);
        areas.add("memory", offset, length, made);
        backed.add(made);
        memory.add(this);
        return made;
    }

    /**
     * Sets where the BAR begins in the file that clients map; BAR n begins at n &lt;&lt; 40
     * otherwise. Nothing but a client's expectation is a reason to call it.
     *
     * @param offset in bytes, a multiple of 4096
     */
    public Bar fileOffset(long offset) {
        requireOpen();
        if (offset < 0 || offset % BackedMemory.PAGE != 0) {
            throw new IllegalArgumentException(
                    "file offset 0x%x of %s is not a multiple of 4096".formatted(offset, this));
        }
        fileOffset = offset;
        return this;
    }

    /** Lets {@code area} answer for a part of the BAR. */
    public Bar area(long offset, long length, BarArea area) {
        requireOpen();
        areas.add("area", offset, length, area);
        return this;
    }

    /**
     * Reports a descriptor that clients can signal instead of sending a write. It stays the
     * caller's, who watches it.
     *
     * @param length of the write in bytes; 0 for any
     * @param fd an eventfd; null to report that the write has none
     * @param dataMatch the only value that signals, or none for any
     */
    public Bar ioEventFd(long offset, long length, @Nullable Fd fd, OptionalLong dataMatch) {
        requireOpen();
        requireWithin("ioeventfd", offset, Math.max(1, length));
        ioEventFds.addFirst(new IoEventFd(offset, length, fd, dataMatch));
        return this;
    }

    /** Returns the register of that name. */
    public Register register(String name) {
        return registers.named(name);
    }

    /** Returns what the registers are and hold now, by ascending offset, without side effects. */
    public List<RegisterSnapshot> snapshot() {
        return registers.snapshot();
    }

    long size() {
        return size;
    }

    /** Returns the low bits of the BAR register: 1 for I/O, 4 for 64-bit, 8 for prefetchable. */
    int typeBits() {
        return (io ? 1 : 0) | (wide ? 4 : 0) | (prefetchable ? 8 : 0);
    }

    long fileOffset() {
        return fileOffset;
    }

    List<BackedMemory> backed() {
        return backed;
    }

    /** Ends the declarations, checks them and maps the memory. */
    void seal() {
        requireOpen();
        sealed = true;
        requireSize();
        registers.seal();
        areas.seal(registers);
        backed.forEach(part -> part.bind(memory));
        info = info(ClientKind.UNKNOWN);
    }

    private void requireSize() {
        require(!io || !(wide || prefetchable), "is for I/O, and so not 64-bit or prefetchable");
        require(!wide || index < 5, "is the last one and cannot take the next index too");
        require(
                anySize || Long.bitCount(size) == 1,
                "has 0x%x bytes, which is not a power of two: call allowAnySize()".formatted(size));
        require(size >= (io ? 4 : 16), "has %d bytes, fewer than PCI allows".formatted(size));
        require(
                wide || size <= WIDE_FROM >> 1,
                "has 0x%x bytes, which need wide()".formatted(size));
        require(readable || writable, "can be neither read nor written");
    }

    private void require(boolean condition, String complaint) {
        if (!condition) {
            throw new IllegalArgumentException(this + " " + complaint);
        }
    }

    private void requireWithin(String what, long offset, long length) {
        require(
                offset >= 0 && length > 0 && offset <= size - length,
                "has %s, 0x%x bytes at 0x%x, beyond its 0x%x bytes"
                        .formatted(what, length, offset, size));
    }

    void requireOpen() {
        if (sealed) {
            throw new IllegalStateException(this + " is changed after the device was constructed");
        }
    }

    @Override
    public RegionInfo info() {
        return info;
    }

    @Override
    public RegionInfo info(ClientKind kind) {
        var mappable = new ArrayList<RegionInfo.Area>();
        backed.forEach(part -> mappable.addAll(part.areas(kind)));
        mappable.sort(Comparator.comparingLong(RegionInfo.Area::offset));
        return mappable.isEmpty()
                ? RegionInfo.of(size, readable, writable)
                : new RegionInfo(size, readable, writable, memory.file(), fileOffset, mappable);
    }

    @Override
    public void read(long offset, MemorySegment buffer, long at, int count) {
        if (!readable) {
            throw new VfioException(Errno.EINVAL, this + " cannot be read");
        }
        if (areas.isEmpty()) {
            registers.read(offset, buffer, at, count);
        } else {
            access(offset, buffer, at, count, false);
        }
    }

    @Override
    public void write(long offset, MemorySegment buffer, long at, int count) {
        if (!writable) {
            throw new VfioException(Errno.EINVAL, this + " cannot be written");
        }
        if (areas.isEmpty()) {
            registers.write(offset, buffer, at, count);
        } else {
            access(offset, buffer, at, count, true);
        }
    }

    /** Splits what goes to areas from what goes to registers, in ascending order. */
    private void access(long offset, MemorySegment buffer, long at, int count, boolean write) {
        int done = 0;
        for (int i = areas.atOrAfter(offset); done < count; ) {
            long position = offset + done;
            long start = i < areas.count() ? areas.start(i) : Long.MAX_VALUE;
            if (start <= position) {
                int n = (int) Math.min(count - done, areas.end(i) - position);
                if (write) {
                    areas.area(i).write(position - start, buffer, at + done, n);
                } else {
                    areas.area(i).read(position - start, buffer, at + done, n);
                }
                done += n;
                i++;
            } else {
                int n = (int) Math.min(count - done, start - position);
                if (write) {
                    registers.write(position, buffer, at + done, n);
                } else {
                    registers.read(position, buffer, at + done, n);
                }
                done += n;
            }
        }
    }

    @Override
    public void reset() {
        registers.reset();
        areas.reset();
    }

    @Override
    public List<IoEventFd> ioEventFds() {
        return List.copyOf(ioEventFds);
    }

    @Override
    public String toString() {
        return "BAR" + index;
    }
}
