package dev.muser.device.pci;

import java.util.List;
import java.util.function.Consumer;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * A named register of a BAR. Declared through {@link Bar#register}; its value lies in the device's
 * {@linkplain DeviceState state} unless it is computed at each read.
 *
 * <p>Values are unsigned: a register of fewer than 64 bits is zero-extended.
 */
public final class Register {
    private final String name;
    private final long offset;
    private final Width width;
    private final RegisterMode mode;
    private final RegisterBits bits;
    private final int accessCounts;
    private final boolean wholeAllowed;
    private final @Nullable StateField stored;
    private final @Nullable LongSupplier computed;
    private final @Nullable WriteEffect onWrite;
    private final @Nullable Consumer<Register> onRead;
    private final List<RegisterField> fields;
    private long reads;
    private long writes;
    private long refused;

    Register(
            RegisterBuilder declared,
            RegisterMode mode,
            RegisterBits bits,
            @Nullable StateField stored,
            @Nullable LongSupplier computed) {
        this.name = declared.name();
        this.offset = declared.offset();
        this.width = declared.width();
        this.mode = mode;
        this.bits = bits;
        this.accessCounts = declared.accessCounts();
        this.wholeAllowed = allows(0, width.bytes());
        this.stored = stored;
        this.computed = computed;
        this.onWrite = declared.writeEffect();
        this.onRead = declared.readEffect();
        this.fields = declared.fieldsOf(this, mode);
    }

    public String name() {
        return name;
    }

    /** Returns where it begins, in bytes from the start of the BAR. */
    public long offset() {
        return offset;
    }

    public Width width() {
        return width;
    }

    public RegisterMode mode() {
        return mode;
    }

    /** Hot. Returns the value. For the device: nothing is counted and there are no side effects. */
    public long get() {
        var field = stored;
        if (field != null) {
            return field.get();
        }
        var supplier = computed;
        return supplier == null ? 0 : supplier.getAsLong() & width.mask();
    }

    /**
     * Hot. Stores the low bits of {@code value}. For the device: bits that a driver cannot write
     * can be set, nothing is counted and there are no side effects.
     *
     * @throws IllegalStateException when the register is computed
     */
    public void set(long value) {
        var field = stored;
        if (field == null) {
            throw new IllegalStateException(
                    "register " + name + " is computed at each read: it cannot be set");
        }
        field.set(value);
    }

    public List<RegisterField> fields() {
        return fields;
    }

    /**
     * Returns a field. Look it up once, when the device is constructed.
     *
     * @throws IllegalArgumentException when there is none of that name
     */
    public RegisterField field(String fieldName) {
        for (var field : fields) {
            if (field.name().equals(fieldName)) {
                return field;
            }
        }
        throw new IllegalArgumentException(
                "register " + name + " has no field " + fieldName + "; it has " + fieldNames());
    }

    private List<String> fieldNames() {
        return fields.stream().map(RegisterField::name).toList();
    }

    /** Returns how often a driver has read it, whole or in part, since this process began. */
    public long reads() {
        return reads;
    }

    /** Returns how often a driver has written it, whole or in part, since this process began. */
    public long writes() {
        return writes;
    }

    /** Returns how many accesses had a width that it does not take. */
    public long refused() {
        return refused;
    }

    /** Returns what it is and holds now, without side effects. */
    public RegisterSnapshot snapshot() {
        long value = get();
        return new RegisterSnapshot(
                name,
                offset,
                width,
                mode,
                fields.stream()
                        .map(f ->
                                new RegisterSnapshot.Field(
                                        f.name(), f.lowBit(), f.bits(), f.mode(), f.get()))
                        .toList(),
                value,
                reads,
                writes,
                refused);
    }

    /** Hot. A driver reads all of it. */
    long readWhole() {
        reads++;
        if (!wholeAllowed) {
            refused++;
            return width.mask();
        }
        return readAllowed();
    }

    /** Hot. A driver reads {@code count} bytes of it, the lowest of them byte {@code first}. */
    long readPart(int first, int count) {
        reads++;
        if (!allows(first, count)) {
            refused++;
            return LittleEndian.mask(count);
        }
        return (readAllowed() >>> (8 * first)) & LittleEndian.mask(count);
    }

    private long readAllowed() {
        long value = get() & bits.readable();
        var effect = onRead;
        if (effect != null) {
            effect.accept(this);
        }
        return value;
    }

    /** Hot. A driver writes all of it. */
    void writeWhole(long value) {
        writes++;
        if (!wholeAllowed) {
            refused++;
            return;
        }
        writeAllowed(value, width.mask());
    }

    /** Hot. A driver writes {@code count} bytes of it, the lowest of them byte {@code first}. */
    void writePart(int first, int count, long value) {
        writes++;
        if (!allows(first, count)) {
            refused++;
            return;
        }
        writeAllowed(value << (8 * first), LittleEndian.mask(count) << (8 * first));
    }

    private void writeAllowed(long value, long enabled) {
        var effect = onWrite;
        var field = stored;
        if (field == null || !bits.writable()) {
            if (computed != null && effect != null) {
                effect.written(0, value & enabled);
            }
            return;
        }
        long before = field.get();
        long now = bits.written(before, value, enabled);
        if (now != before) {
            field.set(now);
        }
        if (effect != null) {
            effect.written(before, now);
        }
    }

    private boolean allows(int first, int count) {
        return accessCounts == RegisterBuilder.ANY_ACCESS
                || ((accessCounts >>> count & 1) != 0 && first % count == 0);
    }

    void reset(long value) {
        if (stored != null) {
            stored.set(value);
        }
    }

    long resetValue() {
        return bits.reset();
    }

    @Override
    public String toString() {
        return "%s at 0x%x, %s".formatted(name, offset, width);
    }
}
