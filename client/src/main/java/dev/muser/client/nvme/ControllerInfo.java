package dev.muser.client.nvme;

import static dev.muser.client.nvme.LittleEndian.U16;
import static dev.muser.client.nvme.LittleEndian.U32;
import static dev.muser.client.nvme.LittleEndian.U8;
import static java.nio.charset.StandardCharsets.US_ASCII;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * What a controller says of itself (NVMe base 1.4, figure 247): what a driver needs of it.
 *
 * @param vendorId its PCI vendor
 * @param mdts the largest transfer: 2^mdts pages of the smallest size; 0: no limit
 * @param id its identifier in its subsystem
 * @param version 0x00010400 is 1.4
 * @param oacs optional admin commands
 * @param abortLimit how many Aborts may be open, counted from 0
 * @param asyncEventLimit how many Asynchronous Event Requests may be open, counted from 0
 * @param namespaces the highest namespace identifier
 * @param oncs optional commands of the NVM command set
 * @param fuses bit 0: compare and write
 * @param vwc bit 0: there is a volatile write cache
 * @param sgls bits 0 and 1: SGLs are known
 * @param subsystem its subsystem's qualified name
 */
public record ControllerInfo(
        int vendorId,
        String serial,
        String model,
        String firmware,
        int mdts,
        int id,
        int version,
        int oacs,
        int abortLimit,
        int asyncEventLimit,
        int namespaces,
        int oncs,
        int fuses,
        int vwc,
        int sgls,
        String subsystem) {

    // what of the 4096 bytes: vid u16 @0, sn @4, mn @24, fr @64, mdts u8 @77, cntlid u16 @78,
    // ver u32 @80, oacs u16 @256, acl u8 @258, aerl u8 @259, nn u32 @516, oncs u16 @520,
    // fuses u16 @522, vwc u8 @525, sgls u32 @536, subnqn @768
    static ControllerInfo of(MemorySegment data) {
        return new ControllerInfo(
                u16(data, 0),
                text(data, 4, 20),
                text(data, 24, 40),
                text(data, 64, 8),
                u8(data, 77),
                u16(data, 78),
                data.get(U32, 80),
                u16(data, 256),
                u8(data, 258),
                u8(data, 259),
                data.get(U32, 516),
                u16(data, 520),
                u16(data, 522),
                u8(data, 525),
                data.get(U32, 536),
                text(data, 768, 256));
    }

    public boolean hasDoorbellBufferConfig() {
        return (oacs & (1 << 8)) != 0;
    }

    public boolean hasNamespaceManagement() {
        return (oacs & (1 << 3)) != 0;
    }

    public boolean hasFormat() {
        return (oacs & (1 << 1)) != 0;
    }

    public boolean hasCompare() {
        return (oncs & 1) != 0;
    }

    public boolean hasDatasetManagement() {
        return (oncs & (1 << 2)) != 0;
    }

    public boolean hasWriteZeroes() {
        return (oncs & (1 << 3)) != 0;
    }

    public boolean hasVerify() {
        return (oncs & (1 << 7)) != 0;
    }

    public boolean hasFusedCompareAndWrite() {
        return (fuses & 1) != 0;
    }

    public boolean hasVolatileWriteCache() {
        return (vwc & 1) != 0;
    }

    public boolean hasSgl() {
        return (sgls & 3) != 0;
    }

    private static int u8(MemorySegment data, long at) {
        return Byte.toUnsignedInt(data.get(U8, at));
    }

    private static int u16(MemorySegment data, long at) {
        return Short.toUnsignedInt(data.get(U16, at));
    }

    /** Padded with spaces or zeros, and not to be trusted on a terminal. */
    private static String text(MemorySegment data, long at, int size) {
        var bytes = data.asSlice(at, size).toArray(ValueLayout.JAVA_BYTE);
        return new String(bytes, US_ASCII).replaceAll("[^\\x20-\\x7e]", " ").strip();
    }
}
