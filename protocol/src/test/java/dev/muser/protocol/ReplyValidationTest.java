package dev.muser.protocol;

import static dev.muser.protocol.Bytes.AT;
import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.MemorySegment;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Each bound of a reply: what a client takes from a server, and a server from a client. */
class ReplyValidationTest {
    private final MemorySegment room = Bytes.room();

    @ParameterizedTest
    @CsvSource({
        // length, flags, address, size; asked were 0, 16, 32
        "0, 0, 16, 32, 0",
        "24, 0, 16, 32, 0",
        "23, 0, 16, 32, 22",
        "25, 0, 16, 32, 22",
        "24, 2, 16, 32, 22",
        "24, 0, 17, 32, 22",
        "24, 0, 16, 33, 22"
    })
    void shouldValidateDmaUnmap(int length, int flags, long address, long size, int errno) {
        DmaUnmap.encodeRequest(room, AT, flags, address, size);
        assertThat(new DmaUnmap().wrap(room, AT, length).validateReply(0, 16, 32, 0))
                .isEqualTo(errno);
    }

    @ParameterizedTest
    @CsvSource({"48, 8, 0", "47, 8, 22", "49, 8, 22", "48, 16, 22", "0, 8, 22", "24, 8, 22"})
    void shouldValidateTheBitmapOfDmaUnmap(int length, int bitmap, int errno) {
        DmaUnmap.encodeBitmapRequest(room, AT, 16, 32, 4096, bitmap);
        assertThat(new DmaUnmap().wrap(room, AT, length).validateReply(1, 16, 32, 8))
                .isEqualTo(errno);
    }

    @ParameterizedTest
    @CsvSource({
        "16, 16, 100, 50, 0",
        "15, 16, 9, 5, 22",
        "16, 15, 9, 5, 22",
        "16, 16, 101, 5, 22",
        "16, 16, 9, 51, 22",
        "16, 16, 4294967295, 5, 22",
        "16, 16, 9, 4294967295, 22"
    })
    void shouldValidateGetInfo(int length, long argsz, long regions, long irqs, int errno) {
        GetInfo.encodeReply(room, AT, 3, (int) regions, (int) irqs);
        Wire.u32(room, AT, argsz);
        assertThat(new GetInfo().wrap(room, AT, length).validateReply(100, 50)).isEqualTo(errno);
    }

    @ParameterizedTest
    @CsvSource({
        "16, 16, 2, 2048, 0",
        "15, 16, 2, 1, 22",
        "16, 15, 2, 1, 22",
        "16, 16, 3, 1, 22",
        "16, 16, 2, 2049, 22",
        "16, 16, 2, 4294967295, 22"
    })
    void shouldValidateIrqInfo(int length, long argsz, int index, long count, int errno) {
        IrqInfo.encodeReply(room, AT, 1, index, (int) count);
        Wire.u32(room, AT, argsz);
        assertThat(new IrqInfo().wrap(room, AT, length).validateReply(2, 2048)).isEqualTo(errno);
    }

    @ParameterizedTest
    @CsvSource({
        // length, offset, region, count, errno of a read, errno of a write; asked were 8, 2, 4
        "20, 8, 2, 4, 0, 22",
        "16, 8, 2, 4, 22, 0",
        "18, 8, 2, 2, 0, 22", // less was done
        "16, 8, 2, 0, 0, 0",
        "21, 8, 2, 5, 22, 22",
        "20, 9, 2, 4, 22, 22",
        "20, 8, 3, 4, 22, 22",
        "19, 8, 2, 4, 22, 22",
        "15, 8, 2, 0, 22, 22",
        "0, 8, 2, 4, 22, 22"
    })
    void shouldValidateRegionAccess(
            int length, long offset, int region, int count, int read, int write) {
        RegionAccess.encode(room, AT, offset, region, count);
        var access = new RegionAccess().wrap(room, AT, length);
        assertThat(access.validateReadReply(8, 2, 4)).isEqualTo(read);
        assertThat(access.validateWriteReply(8, 2, 4)).isEqualTo(write);
    }

    @Test
    void shouldTakeAHeaderAsTheReplyToAnAccessOfNothing() {
        var access = new RegionAccess().wrap(room, AT, 0);
        assertThat(access.validateReadReply(8, 2, 0)).isZero();
        assertThat(access.validateWriteReply(8, 2, 0)).isZero();
        assertThat(access.count()).isZero();
    }

    @ParameterizedTest
    @CsvSource({
        // length, address, count, errno of a read, errno of a write; asked were 4096, 4
        "20, 4096, 4, 0, 22",
        "16, 4096, 4, 22, 0",
        "12, 4096, 4, 22, 22", // the specification's table; nobody sends it
        "19, 4096, 3, 22, 22",
        "16, 4096, 3, 22, 22",
        "20, 4097, 4, 22, 22",
        "16, 4097, 4, 22, 22",
        "16, 4096, 4294967300, 22, 22" // 4 in the low half only
    })
    void shouldValidateDmaAccess(int length, long address, long count, int read, int write) {
        DmaAccess.encode(room, AT, address, 0);
        Wire.u64(room, AT + 8, count);
        var access = new DmaAccess().wrap(room, AT, length);
        assertThat(access.validateReadReply(4096, 4)).isEqualTo(read);
        assertThat(access.validateWriteReply(4096, 4)).isEqualTo(write);
    }

    @ParameterizedTest
    @CsvSource({"8, 3, 0", "8, 0, 0", "8, 4, 22", "8, -1, 22", "7, 3, 22", "9, 3, 22"})
    void shouldValidateRegionWriteMulti(int length, int done, int errno) {
        RegionWriteMulti.encodeReply(room, AT, done);
        assertThat(new RegionWriteMulti().wrap(room, AT, length).validateReply(3)).isEqualTo(errno);
    }

    @ParameterizedTest
    @CsvSource({
        "24, 16, 0",
        "8, 0, 0",
        "24, 0, 0",
        "7, 0, 22",
        "25, 16, 22",
        "23, 16, 22",
        "25, 17, 22",
        "24, 4294967295, 22"
    })
    void shouldValidateMigrationData(int length, long size, int errno) {
        MigData.encode(room, AT, (int) size);
        assertThat(new MigData().wrap(room, AT, length).validateReadReply(16)).isEqualTo(errno);
    }

    @ParameterizedTest
    @CsvSource({"8, 10001, 0", "16, 10001, 0", "17, 10001, 22", "7, 10001, 22", "8, 10002, 22"})
    void shouldValidateTheEnvelopeOfAFeature(int length, String flags, int errno) {
        DeviceFeature.encode(room, AT, Integer.parseInt(flags, 16), 8);
        assertThat(new DeviceFeature().wrap(room, AT, length).validateReply(0x10001, 16))
                .isEqualTo(errno);
    }

    @ParameterizedTest
    @CsvSource({
        "32, 0, 4096, 4096, 0", "31, 0, 4096, 4096, 22", "33, 0, 4096, 4096, 22",
        "23, 0, 4096, 4096, 22", "32, 1, 4096, 4096, 22", "32, 0, 4097, 4096, 22",
        "32, 0, 4096, 8192, 22"
    })
    void shouldValidateAReportOfLogging(int length, long iova, long range, long page, int errno) {
        DmaLoggingReport.encode(room, AT, iova, range, page);
        assertThat(new DmaLoggingReport().wrap(room, AT, length).validateReply(0, 4096, 4096))
                .isEqualTo(errno);
    }

    @ParameterizedTest
    @CsvSource({
        // where in the payload, a u32 there, descriptors, errno: one sparse area at 32
        "0, 64, 1, 0",
        "0, 65, 1, 0", // cut: the chain is not looked at
        "0, 31, 1, 22",
        "8, 1, 1, 22", // another region
        "4, 15, 0, 0", // MMAP without a descriptor: access by message
        "4, 15, 2, 22",
        "4, 11, 1, 22", // a descriptor without MMAP
        "4, 7, 1, 0", // no chain
        "12, 0, 1, 0", // CAPS, and an empty chain
        "12, 31, 1, 22",
        "12, 57, 1, 22",
        "12, 4294967295, 1, 22",
        "36, 32, 1, 22", // a chain that comes back
        "36, 39, 1, 22",
        "36, 57, 1, 22",
        "36, 4294967288, 1, 22",
        "40, 2, 1, 22", // more areas than bytes
        "40, 4294967295, 1, 22",
        "40, 0, 1, 0",
        "48, 12289, 1, 22", // the area ends above 0x4000
        "52, 1, 1, 22",
        "56, 4097, 1, 22",
        "60, 4294967295, 1, 22"
    })
    void shouldValidateGetRegionInfo(int at, long value, int fds, int errno) {
        var writer = new RegionInfoWriter();
        writer.start(room, AT, 64, 64, 0, 7, 0x4000, 0);
        writer.sparseMmap(1);
        writer.area(0x3000, 0x1000);
        assertThat(writer.finish()).isEqualTo(64);
        Wire.u32(room, AT + at, value);
        var info = new RegionInfo();
        assertThat(info.wrap(room, AT, 64).validateReply(0, 64, fds)).isEqualTo(errno);
        assertThat(info.wrap(room, AT, 64).validateReply(0, 63, fds)).isEqualTo(22);
        assertThat(info.wrap(room, AT, 31).validateReply(0, 64, fds)).isEqualTo(22);
    }

    @ParameterizedTest
    @CsvSource({
        // where in the payload, a u32 there, descriptors, errno: 2 entries of 48 at 16
        "0, 112, 2, 0",
        "0, 111, 2, 22",
        "0, 113, 2, 22", // cut, and yet longer than its fixed part
        "0, 15, 2, 22",
        "4, 1, 2, 22",
        "8, 5, 2, 22",
        "12, 1, 2, 0", // one entry of 96 bytes
        "12, 0, 2, 22",
        "12, 3, 2, 22", // entries of 32
        "12, 4294967295, 2, 22",
        "32, 1, 2, 0",
        "32, 2, 2, 22",
        "32, 4294967295, 2, 0",
        "32, 4294967294, 2, 22",
        "44, 7, 2, 0", // no shadow: padding
        "92, 1, 2, 0",
        "92, 2, 2, 22"
    })
    void shouldValidateRegionIoFds(int at, long value, int fds, int errno) {
        RegionIoFds.encodeReply(room, AT, 112, 4, 2);
        RegionIoFds.encodeEntry(room, AT, 0, 0, 4, 0, 0, 0, -1, 0, 0);
        RegionIoFds.encodeEntry(room, AT, 1, 8, 4, 1, 2, 0, 0, 0, 0);
        Wire.u32(room, AT + at, value);
        var ioFds = new RegionIoFds();
        assertThat(ioFds.wrap(room, AT, 112).validateReply(4, 112, fds)).isEqualTo(errno);
        assertThat(ioFds.wrap(room, AT, 112).validateReply(4, 111, fds)).isEqualTo(22);
        assertThat(ioFds.wrap(room, AT, 15).validateReply(4, 112, fds)).isEqualTo(22);
    }
}
