package dev.muser.device.pci;

import dev.muser.device.RegionInfo;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The configuration space of a function: a header of type 0 and the capabilities behind it (PCI
 * Local Bus 3.0, 6.1; PCI Express Base, 7.5.1).
 *
 * <p>As in hardware it is a row of 32-bit registers. A write of any width and alignment becomes one
 * write to each register that it touches, with byte enables. Each bit is read-only, writable, or
 * cleared by writing a one; the values are in the device's state, what kind a bit is comes from the
 * build.
 */
final class ConfigSpace implements PciRegion {
    static final int CONVENTIONAL = 256;
    static final int EXTENDED = 4096;

    private final List<CapabilityStructure> structures = new ArrayList<>();
    private int[] initial = new int[CONVENTIONAL / 4];
    private int[] writable = new int[CONVENTIONAL / 4];
    private int[] clearedByOne = new int[CONVENTIONAL / 4];
    private @Nullable StateArray stored;

    /** Within one request only: not state. */
    private boolean resetRequested;

    /** Makes it 4096 bytes long, as a PCI Express function's is. */
    void extend() {
        requireOpen();
        initial = Arrays.copyOf(initial, EXTENDED / 4);
        writable = Arrays.copyOf(writable, EXTENDED / 4);
        clearedByOne = Arrays.copyOf(clearedByOne, EXTENDED / 4);
    }

    int size() {
        return initial.length * 4;
    }

    /** Sets what the bytes hold after a reset. */
    void initial(int offset, Width width, long value) {
        put(initial, offset, width, value);
    }

    /** Sets which bits can be written. */
    void writable(int offset, Width width, long mask) {
        put(writable, offset, width, mask);
    }

    /** Sets which bits a written one clears. */
    void clearedByOne(int offset, Width width, long mask) {
        put(clearedByOne, offset, width, mask);
    }

    private void put(int[] words, int offset, Width width, long value) {
        requireOpen();
        for (int i = 0; i < width.bytes(); i++) {
            int at = offset + i;
            int shift = 8 * (at & 3);
            int bits = (int) (value >>> (8 * i)) & 0xff;
            words[at >> 2] = (words[at >> 2] & ~(0xff << shift)) | (bits << shift);
        }
    }

    /** Returns a register's value after a reset, as declared up to now. */
    int initial(int register) {
        return initial[register >> 2];
    }

    /** Lets {@code structure} see the writes to its registers. */
    void add(CapabilityStructure structure) {
        requireOpen();
        structures.add(structure);
    }

    List<CapabilityStructure> structures() {
        return structures;
    }

    /** Ends the declarations. */
    void seal(DeviceState state) {
        requireOpen();
        stored = state.array("pci.config", size());
    }

    private void requireOpen() {
        if (stored != null) {
            throw new IllegalStateException(
                    "configuration space is declared after the device was constructed");
        }
    }

    private StateArray stored() {
        var s = stored;
        if (s == null) {
            throw new IllegalStateException(
                    "configuration space is read while the device is still being constructed");
        }
        return s;
    }

    /** Hot. */
    long get(int offset, Width width) {
        return stored().get(offset, width);
    }

    /** Stores as the device itself does, which can change any bit. */
    void set(int offset, Width width, long value) {
        stored().set(offset, width, value);
    }

    /** Asks for a function-level reset when the write that is going on is done. */
    void requestReset() {
        resetRequested = true;
    }

    /** Hot. Returns whether a reset was asked for since the last call. */
    boolean takeResetRequest() {
        boolean requested = resetRequested;
        resetRequested = false;
        return requested;
    }

    @Override
    public RegionInfo info() {
        return RegionInfo.of(size(), true, true);
    }

    @Override
    public void read(long offset, MemorySegment buffer, long at, int count) {
        MemorySegment.copy(stored().bytes(), offset, buffer, at, count);
    }

    @Override
    public void write(long offset, MemorySegment buffer, long at, int count) {
        int start = (int) offset;
        int end = start + count;
        for (int register = start & ~3; register < end; register += 4) {
            int bits = 0;
            int enabled = 0;
            for (int i = Math.max(start, register); i < Math.min(end, register + 4); i++) {
                int shift = 8 * (i & 3);
                bits |= (buffer.get(StateLayout.U8, at + i - start) & 0xff) << shift;
                enabled |= 0xff << shift;
            }
            writeRegister(register, bits, enabled);
        }
    }

    private void writeRegister(int register, int bits, int enabled) {
        int before = (int) get(register, Width.U32);
        int changing = writable[register >> 2] & enabled;
        int after = (before & ~changing) | (bits & changing);
        after &= ~(bits & clearedByOne[register >> 2]);
        if (after != before) {
            set(register, Width.U32, after);
        }
        for (int i = 0; i < structures.size(); i++) {
            structures.get(i).registerWritten(register, before, after, bits);
        }
    }

    @Override
    public void reset() {
        for (int i = 0; i < initial.length; i++) {
            set(4 * i, Width.U32, initial[i]);
        }
    }
}
