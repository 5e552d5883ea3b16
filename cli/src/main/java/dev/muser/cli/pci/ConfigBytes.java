package dev.muser.cli.pci;

/** The bytes of a configuration space, little-endian. What lies beyond the end reads as zero. */
final class ConfigBytes {
    private final byte[] bytes;

    ConfigBytes(byte[] bytes) {
        this.bytes = bytes;
    }

    int size() {
        return bytes.length;
    }

    int u8(int offset) {
        return offset >= 0 && offset < bytes.length ? bytes[offset] & 0xff : 0;
    }

    int u16(int offset) {
        return u8(offset) | u8(offset + 1) << 8;
    }

    int s32(int offset) {
        return u16(offset) | u16(offset + 2) << 16;
    }

    long u32(int offset) {
        return s32(offset) & 0xffff_ffffL;
    }

    long u64(int offset) {
        return u32(offset) | u32(offset + 4) << 32;
    }

    /** Returns {@code length} bytes in hexadecimal, as far as there are so many. */
    String hex(int offset, int length) {
        var text = new StringBuilder();
        for (int i = offset; i < Math.min(offset + length, bytes.length); i++) {
            if (i > offset) {
                text.append(' ');
            }
            text.append("%02x".formatted(u8(i)));
        }
        return text.toString();
    }
}
