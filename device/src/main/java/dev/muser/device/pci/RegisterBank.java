package dev.muser.device.pci;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The registers of a BAR, by offset, and what lies between them.
 *
 * <p>An access of a register's own width goes straight to it. Any other is split, in ascending
 * order, into the parts that fall on one register each, and holes.
 */
final class RegisterBank {
    /** Up to this size a table tells for each byte which register has it. */
    private static final int TABLE_LIMIT = 4096;

    private final String owner;
    private final long size;
    private final DeviceState state;
    private final Set<String> names = new HashSet<>();
    private final List<RegisterBuilder> declared = new ArrayList<>();
    private final List<Register> made = new ArrayList<>();
    private Register[] registers = {};
    private long[] starts = {};
    private @Nullable Register @Nullable [] table;
    private byte hole;

    RegisterBank(String owner, long size, DeviceState state) {
        this.owner = owner;
        this.size = size;
        this.state = state;
    }

    String owner() {
        return owner;
    }

    void hole(byte value) {
        hole = value;
    }

    RegisterBuilder declare(String name, long offset, Width width) {
        if (!names.add(name)) {
            throw new IllegalArgumentException(
                    "register " + name + " of " + owner + " is declared twice");
        }
        int bytes = width.bytes();
        if (offset < 0 || offset > size - bytes) {
            throw new IllegalArgumentException(
                    "register %s of %s, %d bytes at 0x%x, lies beyond its 0x%x bytes"
                            .formatted(name, owner, bytes, offset, size));
        }
        if (offset % bytes != 0) {
            throw new IllegalArgumentException(
                    "register %s of %s at 0x%x is not aligned to its %d bytes"
                            .formatted(name, owner, offset, bytes));
        }
        var builder = new RegisterBuilder(this, name, offset, width);
        declared.add(builder);
        return builder;
    }

    StateField declare(String name, Width width) {
        return state.field(owner + "." + name, width);
    }

    Register add(Register register) {
        made.add(register);
        return register;
    }

    /** Checks what was declared and prepares the look-up. */
    void seal() {
        declared.forEach(RegisterBuilder::requireMade);
        declared.clear();
        made.sort(Comparator.comparingLong(Register::offset));
        registers = made.toArray(Register[]::new);
        starts = Arrays.stream(registers).mapToLong(Register::offset).toArray();
        for (int i = 1; i < registers.length; i++) {
            if (starts[i] < end(registers[i - 1])) {
                throw new IllegalArgumentException(
                        "registers %s and %s of %s overlap at 0x%x"
                                .formatted(
                                        registers[i - 1].name(),
                                        registers[i].name(),
                                        owner,
                                        starts[i]));
            }
        }
        long end = registers.length == 0 ? 0 : end(registers[registers.length - 1]);
        if (end <= TABLE_LIMIT) {
            var byByte = new @Nullable Register[(int) end];
            for (var register : registers) {
                Arrays.fill(byByte, (int) register.offset(), (int) end(register), register);
            }
            table = byByte;
        }
    }

    /** Returns the first register with a byte of the range, or null. */
    @Nullable Register firstWithin(long offset, long length) {
        int i = Math.max(0, floor(offset));
        for (; i < registers.length && starts[i] < offset + length; i++) {
            if (end(registers[i]) > offset) {
                return registers[i];
            }
        }
        return null;
    }

    List<RegisterSnapshot> snapshot() {
        return Arrays.stream(registers).map(Register::snapshot).toList();
    }

    Register named(String name) {
        for (var register : registers) {
            if (register.name().equals(name)) {
                return register;
            }
        }
        throw new IllegalArgumentException(owner + " has no register " + name);
    }

    void reset() {
        for (var register : registers) {
            register.reset(register.resetValue());
        }
    }

    /** Hot. */
    void read(long offset, MemorySegment buffer, long at, int count) {
        var register = at(offset);
        if (register != null && register.offset() == offset && register.width().bytes() == count) {
            LittleEndian.put(buffer, at, count, register.readWhole());
        } else {
            readPieces(offset, buffer, at, count);
        }
    }

    /** Hot. */
    void write(long offset, MemorySegment buffer, long at, int count) {
        var register = at(offset);
        if (register != null && register.offset() == offset && register.width().bytes() == count) {
            register.writeWhole(LittleEndian.get(buffer, at, count));
        } else {
            writePieces(offset, buffer, at, count);
        }
    }

    private void readPieces(long offset, MemorySegment buffer, long at, int count) {
        int done = 0;
        while (done < count) {
            long position = offset + done;
            var register = at(position);
            int n = pieceLength(register, position, count - done);
            if (register == null) {
                buffer.asSlice(at + done, n).fill(hole);
            } else {
                int first = (int) (position - register.offset());
                LittleEndian.put(buffer, at + done, n, register.readPart(first, n));
            }
            done += n;
        }
    }

    private void writePieces(long offset, MemorySegment buffer, long at, int count) {
        int done = 0;
        while (done < count) {
            long position = offset + done;
            var register = at(position);
            int n = pieceLength(register, position, count - done);
            if (register != null) {
                int first = (int) (position - register.offset());
                register.writePart(first, n, LittleEndian.get(buffer, at + done, n));
            }
            done += n;
        }
    }

    /** Returns how many of {@code left} bytes fall on {@code register}, or on the hole. */
    private int pieceLength(@Nullable Register register, long position, int left) {
        if (register != null) {
            return (int) Math.min(left, end(register) - position);
        }
        int next = floor(position) + 1;
        return next == starts.length ? left : (int) Math.min(left, starts[next] - position);
    }

    /** Hot. Returns the register that has the byte, or null for a hole. */
    private @Nullable Register at(long position) {
        var byByte = table;
        if (byByte != null) {
            return position < byByte.length ? byByte[(int) position] : null;
        }
        int i = floor(position);
        return i >= 0 && position < end(registers[i]) ? registers[i] : null;
    }

    /** Returns the index of the last register that starts at or before {@code position}, or -1. */
    private int floor(long position) {
        int found = Arrays.binarySearch(starts, position);
        return found >= 0 ? found : -found - 2;
    }

    private static long end(Register register) {
        return register.offset() + register.width().bytes();
    }
}
