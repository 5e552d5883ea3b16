package dev.muser.client.nvme;

import static dev.muser.client.nvme.LittleEndian.U16;
import static dev.muser.client.nvme.LittleEndian.U64;
import static dev.muser.client.nvme.LittleEndian.U8;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.HexFormat;

/**
 * A namespace: a disk of blocks (NVMe base 1.4, figures 245 and 248).
 *
 * @param id its identifier, from 1
 * @param blocks how many there are
 * @param used how many of them are allocated, as far as the controller knows
 * @param blockShift log2 of the block size in bytes
 * @param metadataSize bytes of metadata with each block
 * @param readOnly whether it is write protected
 * @param zeroesWhenDeallocated whether deallocated blocks read as zeroes
 * @param eui64 8 bytes in hexadecimal, or empty
 * @param nguid 16 bytes in hexadecimal, or empty
 * @param uuid 16 bytes in hexadecimal, or empty
 */
public record NvmeNamespace(
        int id,
        long blocks,
        long used,
        int blockShift,
        int metadataSize,
        boolean readOnly,
        boolean zeroesWhenDeallocated,
        String eui64,
        String nguid,
        String uuid) {

    private static final int MIN_SHIFT = 9;
    private static final int MAX_SHIFT = 16;
    private static final int TYPE_EUI64 = 1;
    private static final int TYPE_NGUID = 2;
    private static final int TYPE_UUID = 3;

    // nsze u64 @0, nuse u64 @16, flbas u8 @26 (bits 0-3), dlfeat u8 @33 (bits 0-2, 1: zeroes),
    // nsattr u8 @99 (bit 0), lbaf[16] u32 @128: ms u16, lbads u8, rp u8
    // descriptors: nidt u8, nidl u8, reserved u16, nid[nidl]; nidl 0 ends
    static NvmeNamespace of(int id, MemorySegment data, MemorySegment descriptors) {
        int format = data.get(U8, 26) & 0xf;
        long lbaf = 128 + 4L * format;
        int shift = data.get(U8, lbaf + 2) & 0xff;
        if (shift < MIN_SHIFT || shift > MAX_SHIFT || data.get(U64, 0) < 0) {
            throw new IllegalStateException(
                    "namespace %d has 0x%x blocks of 2^%d bytes, which this driver cannot use"
                            .formatted(id, data.get(U64, 0), shift));
        }
        return new NvmeNamespace(
                id,
                data.get(U64, 0),
                data.get(U64, 16),
                shift,
                Short.toUnsignedInt(data.get(U16, lbaf)),
                (data.get(U8, 99) & 1) != 0,
                (data.get(U8, 33) & 7) == 1,
                find(descriptors, TYPE_EUI64),
                find(descriptors, TYPE_NGUID),
                find(descriptors, TYPE_UUID));
    }

    /** Returns the block size in bytes. */
    public int blockSize() {
        return 1 << blockShift;
    }

    /** Returns the size in bytes. */
    public long size() {
        return blocks << blockShift;
    }

    private static String find(MemorySegment list, int type) {
        for (long at = 0; at <= list.byteSize() - 4; ) {
            int length = Byte.toUnsignedInt(list.get(U8, at + 1));
            if (length == 0 || length > list.byteSize() - at - 4) {
                break;
            }
            if (list.get(U8, at) == type) {
                var id = list.asSlice(at + 4, length).toArray(ValueLayout.JAVA_BYTE);
                return HexFormat.of().formatHex(id);
            }
            at += 4 + length;
        }
        return "";
    }
}
