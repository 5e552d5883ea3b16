package dev.muser.device.pci;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import java.util.function.LongConsumer;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * Declares one register: first its options, then how a driver can use it. That last call, one of
 * {@link #readWrite}, {@link #readOnly}, {@link #writeOnly}, {@link #writeOneToClear} and {@link
 * #writeOneToSet}, makes the register.
 *
 * <p>All methods throw {@link IllegalArgumentException} when what they declare cannot be.
 */
public final class RegisterBuilder {
    /** Bit n: an access that touches n bytes of the register is allowed. */
    static final int ANY_ACCESS = 0x1fe;

    private record Field(String name, int lowBit, int bits, @Nullable RegisterMode mode) {
        long mask() {
            return -1L >>> (64 - bits) << lowBit;
        }
    }

    private final RegisterBank bank;
    private final String name;
    private final long offset;
    private final Width width;
    private final List<Field> fields = new ArrayList<>();
    private long reset;
    private long writable;
    private int accessCounts = ANY_ACCESS;
    private @Nullable WriteEffect writeEffect;
    private @Nullable Consumer<Register> readEffect;
    private boolean made;

    RegisterBuilder(RegisterBank bank, String name, long offset, Width width) {
        this.bank = bank;
        this.name = name;
        this.offset = offset;
        this.width = width;
        writable = width.mask();
    }

    /** Sets the value at reset; 0 otherwise. */
    public RegisterBuilder reset(long value) {
        require((value & ~width.mask()) == 0, "reset value 0x%x does not fit".formatted(value));
        reset = value;
        return this;
    }

    /** Sets which bits a driver can change; the others are read-only. All of them otherwise. */
    public RegisterBuilder writable(long mask) {
        require((mask & ~width.mask()) == 0, "writable mask 0x%x does not fit".formatted(mask));
        writable = mask;
        return this;
    }

    /**
     * Names bits, which behave as the register does.
     *
     * @param lowBit number of the lowest one, from 0
     * @param bits how many
     */
    public RegisterBuilder field(String fieldName, int lowBit, int bits) {
        return add(new Field(fieldName, lowBit, bits, null));
    }

    /** Names bits that behave in their own way, whatever the register does. */
    public RegisterBuilder field(String fieldName, int lowBit, int bits, RegisterMode mode) {
        return add(new Field(fieldName, lowBit, bits, mode));
    }

    private RegisterBuilder add(Field field) {
        require(
                field.bits > 0
                        && field.lowBit >= 0
                        && field.lowBit + field.bits <= 8 * width.bytes(),
                "field %s, %d bits from bit %d, lies outside"
                        .formatted(field.name, field.bits, field.lowBit));
        for (var other : fields) {
            require(!other.name.equals(field.name), "field " + field.name + " is declared twice");
            require(
                    (other.mask() & field.mask()) == 0,
                    "fields %s and %s overlap".formatted(other.name, field.name));
        }
        fields.add(field);
        return this;
    }

    /**
     * Sets which widths an access may have; any otherwise. What counts is how many bytes of this
     * register one access touches, so that 8 bytes read at once from two registers of 4 bytes are
     * two accesses of 4. Others read as ones and write nothing, and are counted.
     */
    public RegisterBuilder access(Width... widths) {
        accessCounts = 0;
        for (var w : widths) {
            accessCounts |= 1 << w.bytes();
        }
        return this;
    }

    /** Runs {@code effect}, with the new value, each time after a driver has written. */
    public RegisterBuilder onWrite(LongConsumer effect) {
        return onWrite((before, now) -> effect.accept(now));
    }

    /** Runs {@code effect} each time after a driver has written, also when nothing changed. */
    public RegisterBuilder onWrite(WriteEffect effect) {
        require(writeEffect == null, "has two write effects");
        writeEffect = effect;
        return this;
    }

    /**
     * Runs {@code effect}, with this register, each time after a driver has read. The driver sees
     * the value from before: {@code onRead(r -> r.set(0))} makes a register that is cleared by
     * reading.
     */
    public RegisterBuilder onRead(Consumer<Register> effect) {
        readEffect = effect;
        return this;
    }

    /** Reads give what was written last. */
    public Register readWrite() {
        return stored(RegisterMode.READ_WRITE);
    }

    /** Only the device stores, by {@link Register#set}; fields can have other modes. */
    public Register readOnly() {
        return stored(RegisterMode.READ_ONLY);
    }

    /**
     * Reads give what {@code value} computes; nothing is stored. An inspector calls it too, so side
     * effects of a read belong into {@link #onRead}.
     */
    public Register readOnly(LongSupplier value) {
        require(reset == 0, "is computed and has a reset value");
        require(writeEffect == null, "is computed and has a write effect");
        for (var field : fields) {
            require(
                    field.mode == null || field.mode == RegisterMode.READ_ONLY,
                    "is computed and has the field " + field.name + ", which can be written");
        }
        finish();
        var bits = new RegisterBits(width.mask(), 0, 0, 0, 0);
        return bank.add(new Register(this, RegisterMode.READ_ONLY, bits, null, value));
    }

    /**
     * Reads give what {@code value} computes, as for {@link #readOnly(LongSupplier)}; {@code
     * written} runs with what a driver writes, bytes that it does not write being zero. Nothing is
     * stored: hardware often has a status and a command at one address.
     */
    public Register computed(LongSupplier value, LongConsumer written) {
        onWrite(written);
        require(reset == 0, "is computed and has a reset value");
        require(fields.isEmpty(), "is computed and has fields");
        finish();
        var bits = new RegisterBits(width.mask(), 0, 0, 0, 0);
        return bank.add(new Register(this, RegisterMode.READ_WRITE, bits, null, value));
    }

    /** Reads give zero; {@code effect} runs with the value after each write. */
    public Register writeOnly(LongConsumer effect) {
        return onWrite(effect).writeOnly();
    }

    /**
     * Reads give zero. The value is stored all the same: the device and an inspector see it, and a
     * write to a part of the register leaves the rest as it was.
     */
    public Register writeOnly() {
        return stored(RegisterMode.WRITE_ONLY);
    }

    /** Writing a one clears a bit. The device sets bits by {@link Register#set}. */
    public Register writeOneToClear() {
        return stored(RegisterMode.WRITE_ONE_TO_CLEAR);
    }

    /** Writing a one sets a bit. The device clears bits by {@link Register#set}. */
    public Register writeOneToSet() {
        return stored(RegisterMode.WRITE_ONE_TO_SET);
    }

    private Register stored(RegisterMode mode) {
        finish();
        long readable = mode == RegisterMode.WRITE_ONLY ? 0 : width.mask();
        long plain = 0;
        long clear = 0;
        long set = 0;
        switch (mode) {
            case READ_WRITE, WRITE_ONLY -> plain = writable;
            case WRITE_ONE_TO_CLEAR -> clear = writable;
            case WRITE_ONE_TO_SET -> set = writable;
            case READ_ONLY -> {}
        }
        for (var field : fields) {
            if (field.mode == null) {
                continue;
            }
            long mask = field.mask();
            readable = field.mode == RegisterMode.WRITE_ONLY ? readable & ~mask : readable | mask;
            plain &= ~mask;
            clear &= ~mask;
            set &= ~mask;
            switch (field.mode) {
                case READ_WRITE, WRITE_ONLY -> plain |= mask;
                case WRITE_ONE_TO_CLEAR -> clear |= mask;
                case WRITE_ONE_TO_SET -> set |= mask;
                case READ_ONLY -> {}
            }
        }
        require(
                writeEffect == null || (plain | clear | set) != 0,
                "cannot be written and has a write effect");
        var bits = new RegisterBits(readable, plain, clear, set, reset);
        return bank.add(new Register(this, mode, bits, bank.declare(name, width), null));
    }

    private void finish() {
        require(!made, "is declared twice");
        made = true;
    }

    private void require(boolean condition, String complaint) {
        if (!condition) {
            throw new IllegalArgumentException(
                    "register " + name + " of " + bank.owner() + " " + complaint);
        }
    }

    List<RegisterField> fieldsOf(Register register, RegisterMode mode) {
        return fields.stream()
                .map(f ->
                        new RegisterField(
                                register, f.name, f.lowBit, f.bits, f.mode == null ? mode : f.mode))
                .toList();
    }

    /** Throws when no last call has made the register. */
    void requireMade() {
        require(made, "is not finished: call readWrite(), readOnly(), writeOnly() or the like");
    }

    String name() {
        return name;
    }

    long offset() {
        return offset;
    }

    Width width() {
        return width;
    }

    int accessCounts() {
        return accessCounts;
    }

    @Nullable WriteEffect writeEffect() {
        return writeEffect;
    }

    @Nullable Consumer<Register> readEffect() {
        return readEffect;
    }
}
