package dev.muser.device.pci;

import static java.nio.charset.StandardCharsets.US_ASCII;

import dev.muser.device.state.StateMismatchException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * How the fields of a device state lie in memory, and how that is said in the memory itself.
 *
 * <pre>
 *   0  u64  magic "MUSERST1"
 *   8  u64  bytes in all
 *  16  u32  length of the schema in bytes
 *  20  u32  offset of the fields
 *  24       schema: "name offset length\n" for each field, offsets from the fields' start
 * </pre>
 *
 * @param entries the fields, in the order of their declaration
 * @param fieldBytes bytes that the fields take
 */
record StateLayout(List<Entry> entries, long fieldBytes) {
    static final ValueLayout.OfByte U8 = ValueLayout.JAVA_BYTE;
    static final ValueLayout.OfShort U16 =
            ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    static final ValueLayout.OfInt U32 =
            ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    static final ValueLayout.OfLong U64 =
            ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private static final long MAGIC = 0x3154_5352_4553_554dL; // "MUSERST1"
    private static final int HEADER = 24;

    /** Some 30,000 fields; a client may send this text, which takes heap several times over. */
    private static final int MOST_SCHEMA = 1 << 20;

    /** A field: its offset from the fields' start and its length, in bytes. */
    record Entry(String name, long offset, long length) {}

    private byte[] schema() {
        var text = new StringBuilder();
        for (var e : entries) {
            text.append(e.name).append(' ').append(e.offset).append(' ').append(e.length);
            text.append('\n');
        }
        var schema = text.toString().getBytes(US_ASCII);
        if (schema.length > MOST_SCHEMA) {
            throw new IllegalStateException(
                    "%d fields of state take a schema of %d bytes, of which a build reads %d"
                            .formatted(entries.size(), schema.length, MOST_SCHEMA));
        }
        return schema;
    }

    private static int fieldsAt(int schemaLength) {
        return (HEADER + schemaLength + 63) & ~63;
    }

    /** Returns where in the memory the fields begin, in bytes. */
    long fieldsAt() {
        return fieldsAt(schema().length);
    }

    /** Whether {@code memory} has been formatted with this very layout. */
    boolean isOf(MemorySegment memory) {
        if (memory.byteSize() != size()) {
            return false;
        }
        var mine = Arena.ofAuto().allocate(size());
        format(mine);
        long header = fieldsAt();
        return MemorySegment.mismatch(mine, 0, header, memory, 0, header) < 0;
    }

    /** Returns how many bytes of memory the state needs. */
    long size() {
        return fieldsAt(schema().length) + fieldBytes;
    }

    /** Writes header and schema to memory that is all zero; returns the part with the fields. */
    MemorySegment format(MemorySegment memory) {
        var schema = schema();
        int fieldsAt = fieldsAt(schema.length);
        memory.set(U64, 0, MAGIC);
        memory.set(U64, 8, fieldsAt + fieldBytes);
        memory.set(U32, 16, schema.length);
        memory.set(U32, 20, fieldsAt);
        MemorySegment.copy(schema, 0, memory, U8, HEADER, schema.length);
        return memory.asSlice(fieldsAt, fieldBytes);
    }

    /**
     * Checks whether {@link #restore} would succeed.
     *
     * @throws StateMismatchException when {@code old} is damaged, has a field that is not known
     *     here, or one of another length
     */
    void check(MemorySegment old) {
        var known = byName();
        parse(old)
                .forEach((name, entry) -> {
                    var mine = known.get(name);
                    if (mine == null) {
                        throw new StateMismatchException(
                                "field "
                                        + name
                                        + " of the stored state is not known to this build");
                    }
                    if (mine.length != entry.length) {
                        throw new StateMismatchException(
                                "field %s has %d bytes in the stored state and %d in this build"
                                        .formatted(name, entry.length, mine.length));
                    }
                });
    }

    /**
     * Copies the fields of {@code old}, memory that some build has formatted, to {@code fields} of
     * this layout: those of the same name. Fields that {@code old} does not have stay as they are.
     *
     * @throws StateMismatchException as {@link #check}; nothing has been copied
     */
    void restore(MemorySegment old, MemorySegment fields) {
        check(old);
        var known = byName();
        long fieldsAt = Integer.toUnsignedLong(old.get(U32, 20));
        parse(old)
                .forEach((name, entry) ->
                        MemorySegment.copy(
                                old,
                                fieldsAt + entry.offset,
                                fields,
                                requireEntry(known, name).offset,
                                entry.length));
    }

    private Map<String, Entry> byName() {
        var known = new HashMap<String, Entry>();
        entries.forEach(e -> known.put(e.name, e));
        return known;
    }

    private static Entry requireEntry(Map<String, Entry> entries, String name) {
        var entry = entries.get(name);
        if (entry == null) {
            throw new IllegalStateException(name);
        }
        return entry;
    }

    private static Map<String, Entry> parse(MemorySegment old) {
        if (old.byteSize() < HEADER || old.get(U64, 0) != MAGIC) {
            throw new StateMismatchException("the stored state does not begin as one");
        }
        long total = old.get(U64, 8);
        long schemaLength = Integer.toUnsignedLong(old.get(U32, 16));
        long fieldsAt = Integer.toUnsignedLong(old.get(U32, 20));
        if (total < 0
                || total > old.byteSize()
                || fieldsAt > total
                || HEADER + schemaLength > fieldsAt) {
            throw new StateMismatchException("the stored state is cut short");
        }
        if (schemaLength > MOST_SCHEMA) {
            throw new StateMismatchException(
                    "the stored state has a schema of %d bytes".formatted(schemaLength));
        }
        var text =
                new String(old.asSlice(HEADER, schemaLength).toArray(U8), US_ASCII).split("\n", -1);
        var entries = new HashMap<String, Entry>();
        for (int i = 0; i < text.length - 1; i++) {
            var words = text[i].split(" ", -1);
            try {
                long offset = Long.parseLong(words[1]);
                long length = Long.parseLong(words[2]);
                if (offset < 0 || length < 0 || offset > total - fieldsAt - length) {
                    throw new StateMismatchException(
                            "field " + words[0] + " lies outside the stored state");
                }
                entries.put(words[0], new Entry(words[0], offset, length));
            } catch (NumberFormatException | ArrayIndexOutOfBoundsException e) {
                throw new StateMismatchException("the stored state's schema is damaged");
            }
        }
        return entries;
    }
}
