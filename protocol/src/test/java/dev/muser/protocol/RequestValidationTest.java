package dev.muser.protocol;

import static dev.muser.protocol.Bytes.AT;
import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.MemorySegment;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Each bound of a request and its neighbours: 0, or 22 for EINVAL. */
class RequestValidationTest {
    private static MemorySegment dmaMap(
            long argsz, long flags, String offset, String address, String size) {
        var room = Bytes.room();
        DmaMap.encodeRequest(room, AT, (int) flags, u64(offset), u64(address), u64(size));
        Wire.u32(room, AT, argsz);
        return room;
    }

    private static long u64(String hex) {
        return Long.parseUnsignedLong(hex, 16);
    }

    @ParameterizedTest
    @CsvSource({
        // length, argsz, flags, fds, offset, address, size, errno
        "32, 32, 3, 1, 0, 0, 1000, 0",
        "31, 32, 3, 1, 0, 0, 1000, 22",
        "33, 33, 3, 1, 0, 0, 1000, 0",
        "32, 31, 3, 1, 0, 0, 1000, 22",
        "32, 4294967295, 3, 1, 0, 0, 1000, 0",
        "32, 32, 0, 0, 0, 0, 1000, 0",
        "32, 32, 3, 2, 0, 0, 1000, 22",
        "32, 32, 7, 1, 0, 0, 1000, 0", // MMAP wants a descriptor
        "32, 32, 7, 0, 0, 0, 1000, 22",
        "32, 32, 11, 1, 0, 0, 1000, 0", // FILE_IO too
        "32, 32, 11, 0, 0, 0, 1000, 22",
        "32, 32, 16, 1, 0, 0, 1000, 22",
        "32, 32, 2147483651, 1, 0, 0, 1000, 22",
        "32, 32, 3, 1, 0, 0, 0, 22",
        "32, 32, 3, 1, 0, 0, 1, 0",
        "32, 32, 3, 0, 0, fffffffffffff000, 1000, 0", // ends at 2^64
        "32, 32, 3, 0, 0, fffffffffffff000, 1001, 22",
        "32, 32, 3, 0, 0, 0, ffffffffffffffff, 0",
        "32, 32, 3, 0, 0, 1, ffffffffffffffff, 0",
        "32, 32, 3, 0, 0, 2, ffffffffffffffff, 22",
        "32, 32, 3, 1, fffffffffffff000, 0, 1000, 0",
        "32, 32, 3, 1, fffffffffffff000, 0, 1001, 22",
        "32, 32, 3, 0, fffffffffffff000, 0, 1001, 0" // no file, no offset
    })
    void shouldValidateDmaMap(
            int length,
            long argsz,
            long flags,
            int fds,
            String offset,
            String address,
            String size,
            int errno) {
        var segment = dmaMap(argsz, flags, offset, address, size);
        assertThat(new DmaMap().wrap(segment, AT, length).validateRequest(fds)).isEqualTo(errno);
    }

    @ParameterizedTest
    @CsvSource({
        // length, argsz, flags, address, size, errno
        "24, 24, 0, 1000, 1000, 0",
        "23, 24, 0, 1000, 1000, 22",
        "24, 23, 0, 1000, 1000, 22",
        "24, 4294967295, 0, 1000, 1000, 0",
        "24, 24, 0, 0, 0, 0", // no mapping is empty: the receiver finds none
        "24, 24, 2, 0, 0, 0",
        "24, 24, 2, 1, 0, 22",
        "24, 24, 2, 0, 1, 22",
        "24, 24, 3, 0, 0, 22",
        "24, 24, 4, 0, 0, 22",
        "24, 24, 1, 1000, 1000, 22" // a bitmap needs 40 bytes
    })
    void shouldValidateDmaUnmap(
            int length, long argsz, int flags, String address, String size, int errno) {
        var room = Bytes.room();
        DmaUnmap.encodeRequest(room, AT, flags, u64(address), u64(size));
        Wire.u32(room, AT, argsz);
        assertThat(new DmaUnmap().wrap(room, AT, length).validateRequest(1 << 20)).isEqualTo(errno);
    }

    @ParameterizedTest
    @CsvSource({
        // length, argsz, address, size, page size, bitmap bytes, longest reply, errno
        "40, 48, 0, 1000, 1000, 8, 48, 0",
        "39, 48, 0, 1000, 1000, 8, 48, 22",
        "40, 47, 0, 1000, 1000, 8, 48, 22",
        "40, 39, 0, 1000, 1000, 8, 48, 22",
        "40, 48, 0, 1000, 1000, 8, 47, 22",
        "40, 48, 0, 40000, 1000, 8, 48, 0", // 64 pages: one word
        "40, 56, 0, 40001, 1000, 8, 56, 22", // 65 pages: two
        "40, 56, 0, 40001, 1000, 16, 56, 0",
        "40, 48, 0, 1000, 0, 8, 48, 22",
        "40, 48, 0, 1000, 1001, 8, 48, 22",
        "40, 48, 0, 1000, 1000, 7, 48, 22",
        "40, 48, 0, 1000, 1000, 10000000000000008, 48, 22",
        "40, 4294967295, 0, ffffffffffffffff, 1, 2305843009213693952, 48, 22",
        "40, 48, fffffffffffff000, 1001, 1000, 8, 48, 22"
    })
    void shouldValidateDmaUnmapWithBitmap(
            int length,
            long argsz,
            String address,
            String size,
            String pageSize,
            long bitmap,
            int longest,
            int errno) {
        var room = Bytes.room();
        DmaUnmap.encodeBitmapRequest(room, AT, u64(address), u64(size), u64(pageSize), 0);
        Wire.u64(room, AT + 32, bitmap);
        Wire.u32(room, AT, argsz);
        assertThat(new DmaUnmap().wrap(room, AT, length).validateRequest(longest)).isEqualTo(errno);
    }

    @ParameterizedTest
    @CsvSource({
        // length, argsz, index, errno: 9 regions, 5 interrupt types
        "15, 16, 0, 22",
        "16, 15, 0, 22",
        "16, 16, 4, 0",
        "16, 16, 5, 22",
        "16, 16, 4294967295, 22",
        "17, 4294967295, 0, 0"
    })
    void shouldValidateTheQueriesOf16Bytes(int length, long argsz, long index, int errno) {
        var room = Bytes.room();
        IrqInfo.encodeRequest(room, AT, (int) index);
        Wire.u32(room, AT, argsz);
        assertThat(new IrqInfo().wrap(room, AT, length).validateRequest(5)).isEqualTo(errno);
        GetInfo.encodeRequest(room, AT);
        Wire.u32(room, AT, argsz);
        assertThat(new GetInfo().wrap(room, AT, length).validateRequest())
                .isEqualTo(length < 16 || argsz < 16 ? 22 : 0);
        RegionIoFds.encodeRequest(room, AT, (int) argsz, (int) index);
        assertThat(new RegionIoFds().wrap(room, AT, length).validateRequest(5)).isEqualTo(errno);
        Wire.u32(room, AT + 4, 1);
        assertThat(new RegionIoFds().wrap(room, AT, length).validateRequest(5)).isEqualTo(22);
        Wire.u32(room, AT + 4, 0);
        Wire.u32(room, AT + 12, 1);
        assertThat(new RegionIoFds().wrap(room, AT, length).validateRequest(5)).isEqualTo(22);
    }

    @ParameterizedTest
    @CsvSource({
        "31, 32, 0, 22",
        "32, 31, 0, 22",
        "32, 32, 8, 0",
        "32, 32, 9, 22",
        "32, 32, 4294967295, 22",
        "32, 4294967295, 0, 0",
        "80, 80, 0, 0"
    })
    void shouldValidateGetRegionInfo(int length, long argsz, long index, int errno) {
        var room = Bytes.room();
        RegionInfo.encodeRequest(room, AT, (int) argsz, (int) index);
        assertThat(new RegionInfo().wrap(room, AT, length).validateRequest(9)).isEqualTo(errno);
    }

    @ParameterizedTest
    @CsvSource({
        // length, region, count, errno of a read, errno of a write; 9 regions, 16 bytes at most
        "15, 0, 0, 22, 22",
        "16, 0, 0, 0, 0",
        "16, 8, 1, 0, 22",
        "17, 8, 1, 0, 0",
        "18, 8, 1, 0, 22",
        "17, 9, 1, 22, 22",
        "17, 4294967295, 1, 22, 22",
        "32, 0, 16, 0, 0",
        "33, 0, 17, 22, 22",
        "16, 0, 4294967295, 22, 22",
        "15, 0, 4294967295, 22, 22"
    })
    void shouldValidateRegionAccess(int length, long region, long count, int read, int write) {
        var room = Bytes.room();
        RegionAccess.encode(room, AT, 0, (int) region, (int) count);
        var access = new RegionAccess().wrap(room, AT, length);
        assertThat(access.validateReadRequest(9, 16)).isEqualTo(read);
        assertThat(access.validateWriteRequest(9, 16)).isEqualTo(write);
    }

    @ParameterizedTest
    @CsvSource({
        "0, 4, 4, true",
        "0, 4, 3, false",
        "4, 0, 4, true",
        "5, 0, 4, false",
        "3, 1, 4, true",
        "3, 2, 4, false",
        "ffffffffffffffff, 1, 4, false",
        "fffffffffffffffe, 1, ffffffffffffffff, true",
        "fffffffffffffffe, 2, ffffffffffffffff, false",
        "ffffffffffffffff, 2, ffffffffffffffff, false",
        "0, 0, 0, true",
        "0, 1, 0, false"
    })
    void shouldKnowWhetherAnAccessIsWithinItsRegion(
            String offset, int count, String size, boolean within) {
        var room = Bytes.room();
        RegionAccess.encode(room, AT, u64(offset), 0, count);
        assertThat(new RegionAccess().wrap(room, AT, 16).isWithin(u64(size))).isEqualTo(within);
    }

    @ParameterizedTest
    @CsvSource({
        // length, address, count, errno of a read, errno of a write; 16 bytes at most
        "15, 0, 0, 22, 22",
        "16, 0, 0, 0, 0",
        "17, 0, 1, 0, 0",
        "16, 0, 1, 0, 22",
        "18, 0, 1, 0, 22",
        "32, 0, 10, 0, 0",
        "33, 0, 11, 22, 22",
        "17, 0, 100000001, 22, 22",
        "16, 0, ffffffffffffffff, 22, 22",
        "18, fffffffffffffffe, 2, 0, 0",
        "19, fffffffffffffffe, 3, 22, 22"
    })
    void shouldValidateDmaAccess(int length, String address, String count, int read, int write) {
        var room = Bytes.room();
        DmaAccess.encode(room, AT, u64(address), 0);
        Wire.u64(room, AT + 8, u64(count));
        var access = new DmaAccess().wrap(room, AT, length);
        assertThat(access.validateReadRequest(16)).isEqualTo(read);
        assertThat(access.validateWriteRequest(16)).isEqualTo(write);
    }

    @ParameterizedTest
    @CsvSource({
        // length, wr_cnt, region, count, errno; 9 regions
        "7, 0, 0, 0, 22",
        "8, 0, 0, 0, 0",
        "8, 1, 0, 0, 22",
        "31, 1, 0, 0, 22",
        "32, 1, 8, 8, 0",
        "32, 1, 9, 8, 22",
        "32, 1, 8, 9, 22",
        "32, 1, 4294967295, 8, 22",
        "32, 1, 8, 4294967295, 22",
        "32, 2, 0, 0, 22",
        "56, 1, 0, 0, 0",
        // 24 * wr_cnt is 2^64 + 8: a product would wrap round to a fitting length
        "32, 768614336404564651, 0, 0, 22",
        "32, -1, 0, 0, 22"
    })
    void shouldValidateRegionWriteMulti(
            int length, long writes, long region, long count, int errno) {
        var room = Bytes.room();
        RegionWriteMulti.encodeWrite(room, AT, 0, 0, (int) region, (int) count, 0);
        Wire.u64(room, AT, writes);
        assertThat(new RegionWriteMulti().wrap(room, AT, length).validateRequest(9))
                .isEqualTo(errno);
    }

    @ParameterizedTest
    @CsvSource({
        // length, argsz, size, errno of a read, errno of a write; 16 bytes at most
        "7, 8, 0, 22, 22",
        "8, 8, 0, 0, 0",
        "8, 7, 0, 22, 22",
        "24, 24, 16, 0, 0",
        "23, 24, 16, 0, 22",
        "24, 23, 16, 22, 22",
        "25, 25, 17, 22, 22",
        "8, 4294967295, 4294967295, 22, 22",
        "8, 3, 4294967291, 22, 22"
    })
    void shouldValidateMigrationData(int length, long argsz, long size, int read, int write) {
        var room = Bytes.room();
        Wire.u32(room, AT, argsz);
        Wire.u32(room, AT + 4, size);
        var data = new MigData().wrap(room, AT, length);
        assertThat(data.validateReadRequest(16)).isEqualTo(read);
        assertThat(data.validateWriteRequest(16)).isEqualTo(write);
    }

    @ParameterizedTest
    @CsvSource({
        // length, argsz, flags, errno
        "7, 8, 10001, 22",
        "8, 7, 10001, 22",
        "8, 8, 10001, 0", // GET
        "16, 16, 20002, 0", // SET
        "16, 15, 20002, 22", // its echo does not fit
        "16, 8, 10002, 0", // a GET's room is its feature's affair
        "8, 8, 00001, 22", // no method
        "8, 8, 30001, 22", // GET and SET
        "8, 8, 70001, 0", // GET and SET, to probe
        "8, 8, 40001, 0",
        "9, 8, 50001, 22",
        "8, 8, 90001, 22", // an unknown bit
        "8, 8, 8001ffff, 22",
        "8, 8, 1ffff, 0"
    })
    void shouldValidateTheEnvelopeOfAFeature(int length, long argsz, String flags, int errno) {
        var room = Bytes.room();
        DeviceFeature.encode(room, AT, (int) u64(flags), 0);
        Wire.u32(room, AT, argsz);
        assertThat(new DeviceFeature().wrap(room, AT, length).validateRequest()).isEqualTo(errno);
    }

    @ParameterizedTest
    @CsvSource({"7, 1, 22", "8, 0, 0", "8, 7, 0", "8, 8, 22", "8, 4294967295, 22", "9, 1, 0"})
    void shouldValidateTheDeviceState(int length, long state, int errno) {
        var room = Bytes.room();
        MigDeviceState.encode(room, AT, (int) state, -1);
        assertThat(new MigDeviceState().wrap(room, AT, length).validateRequest()).isEqualTo(errno);
    }

    @ParameterizedTest
    @CsvSource({
        // length, page size, ranges, iova, length of the range, errno
        "15, 1000, 0, 0, 0, 22",
        "16, 1000, 0, 0, 0, 0",
        "16, 0, 0, 0, 0, 22",
        "16, 1001, 0, 0, 0, 22",
        "16, 8000000000000000, 0, 0, 0, 0",
        "31, 1000, 1, 0, 0, 22",
        "32, 1000, 1, 0, 1000, 0",
        "32, 1000, 1, ffffffffffffffff, 1, 0",
        "32, 1000, 1, ffffffffffffffff, 2, 22",
        "32, 1000, 2, 0, 0, 22",
        "32, 1000, 4294967295, 0, 0, 22",
        "32, 1000, 268435457, 0, 0, 22" // 16 * ranges is 2^32 + 16
    })
    void shouldValidateTheStartOfLogging(
            int length, String pageSize, long ranges, String iova, String range, int errno) {
        var room = Bytes.room();
        DmaLoggingStart.encodeRequest(room, AT, u64(pageSize), (int) ranges);
        DmaLoggingStart.encodeRange(room, AT, 0, u64(iova), u64(range));
        assertThat(new DmaLoggingStart().wrap(room, AT, length).validateRequest()).isEqualTo(errno);
    }

    @ParameterizedTest
    @CsvSource({
        // length, iova, length of the range, page size, room, most data, errno
        "23, 0, 1000, 1000, 32, 32, 22",
        "24, 0, 1000, 1000, 32, 32, 0",
        "24, 0, 1000, 1000, 31, 32, 22",
        "24, 0, 1000, 1000, 32, 31, 22",
        "24, 0, 1000, 1000, 0, 32, 22",
        "24, 0, 1000, 0, 32, 32, 22",
        "24, 0, 1000, 1001, 32, 32, 22",
        "24, 0, 1000, 2000, 32, 32, 22", // a page above the range
        "24, 0, 0, 1, 32, 32, 22",
        "24, 0, 40000, 1000, 32, 32, 0",
        "24, 0, 40001, 1000, 32, 40, 22",
        "24, 0, 40001, 1000, 40, 40, 0",
        "24, fffffffffffff000, 1000, 1000, 32, 32, 0",
        "24, fffffffffffff000, 1001, 1000, 32, 32, 22",
        "24, 0, ffffffffffffffff, 1, 4294967287, 2147483647, 22",
        "24, 0, ffffffffffffffff, 8000000000000000, 32, 32, 0"
    })
    void shouldValidateAReportOfLogging(
            int length,
            String iova,
            String range,
            String pageSize,
            long room,
            int most,
            int errno) {
        var segment = Bytes.room();
        DmaLoggingReport.encode(segment, AT, u64(iova), u64(range), u64(pageSize));
        assertThat(new DmaLoggingReport().wrap(segment, AT, length).validateRequest(room, most))
                .isEqualTo(errno);
    }
}
