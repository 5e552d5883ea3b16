package dev.muser.fuzz;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;

/** Bytes as {@link Input} reads them: what a seed of a corpus is written with. */
final class Seed {
    private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();

    Seed u8(int... values) {
        for (int value : values) {
            bytes.write(value);
        }
        return this;
    }

    Seed u16(int value) {
        return u8(value, value >> 8);
    }

    Seed u32(long value) {
        return u16((int) value).u16((int) (value >> 16));
    }

    Seed u64(long value) {
        return u32(value).u32(value >> 32);
    }

    /** A number as {@link Input#value} reads it. */
    Seed value(long value) {
        if (value >= 0 && value < 0xc0) {
            return u8((int) value);
        } else if (value >>> 32 == 0) {
            return u8(0xf8).u32(value);
        }
        return u8(0xfe).u64(value);
    }

    /** The address of a page of memory that is reached by message. */
    Seed page(int number) {
        return u8(0xc0 | number);
    }

    /** The address of a page of shared memory. */
    Seed shared(int number) {
        return u8(0xe0 | number);
    }

    Seed raw(byte... some) {
        bytes.writeBytes(some);
        return this;
    }

    Seed text(String text) {
        return raw(text.getBytes(StandardCharsets.ISO_8859_1));
    }

    byte[] get() {
        return bytes.toByteArray();
    }
}
