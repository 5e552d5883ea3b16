package dev.muser.protocol;

import static dev.muser.protocol.Bytes.AT;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.MemorySegment;
import org.junit.jupiter.api.Test;

/** Specification, "VFIO_USER_DEVICE_GET_REGION_INFO" and "..._GET_REGION_IO_FDS". */
class GoldenRegionTest {
    // argsz 80 = 32 + 16 + 2 x 16, flags READ|WRITE|MMAP|CAPS, index 1, cap_offset 32,
    // size 0x4000, offset 0x8000; SPARSE_MMAP v1, next 0, 2 areas, reserved
    private static final String SPARSE =
            "50000000 0f000000 01000000 20000000 0040000000000000 0080000000000000"
                    + "0100 0100 00000000 02000000 00000000"
                    + "0000000000000000 0010000000000000"
                    + "0020000000000000 0010000000000000";

    private final MemorySegment room = Bytes.room();
    private final RegionInfoWriter writer = new RegionInfoWriter();

    private int writeSparse(int clientArgsz) {
        writer.start(room, AT, 1024, clientArgsz, 1, 7, 0x4000, 0x8000);
        writer.sparseMmap(2);
        writer.area(0, 0x1000);
        writer.area(0x2000, 0x1000);
        return writer.finish();
    }

    @Test
    void shouldEncodeAndDecodeARequest() {
        String hex = "50000000 00000000 07000000 00000000 0000000000000000 0000000000000000";
        Bytes.assertWritten(room, RegionInfo.encodeRequest(room, AT, 80, 7), hex);
        var info = new RegionInfo().wrap(Bytes.of(hex), AT, 32);
        assertThat(info.validateRequest(9)).isZero();
        assertThat(info.argsz()).isEqualTo(80);
        assertThat(info.index()).isEqualTo(7);
    }

    @Test
    void shouldTakeARequestAsLongAsItsArgsz() {
        String hex = "28000000 00000000 07000000" + "00".repeat(28);
        assertThat(new RegionInfo().wrap(Bytes.of(hex), AT, 40).validateRequest(9)).isZero();
    }

    @Test
    void shouldEncodeAnUnusedRegionAsZeros() {
        writer.start(room, AT, 1024, 32, 8, 0, 0, 0);
        Bytes.assertWritten(
                room,
                writer.finish(),
                "20000000 00000000 08000000 00000000 0000000000000000 0000000000000000");
        assertThat(writer.isTruncated()).isFalse();
    }

    @Test
    void shouldEncodeSparseAreas() {
        Bytes.assertWritten(room, writeSparse(80), SPARSE);
        assertThat(writer.isTruncated()).isFalse();
    }

    @Test
    void shouldSendOnlyTheRealSizeToAClientWithMoreRoom() {
        Bytes.assertWritten(room, writeSparse(4096), SPARSE);
    }

    @Test
    void shouldCutAReplyToTheFixedPart() {
        // argsz says 80; flags READ|WRITE|MMAP without CAPS, cap_offset 0
        int length = writeSparse(32);
        assertThat(length).isEqualTo(32);
        assertThat(writer.isTruncated()).isTrue();
        Bytes.assertWritten(
                room,
                length,
                "50000000 07000000 01000000 00000000 0040000000000000 0080000000000000");
    }

    @Test
    void shouldCutAReplyToWhatTheClientTakes() {
        int length = writeSparse(79);
        assertThat(length).isEqualTo(79);
        assertThat(writer.isTruncated()).isTrue();
        Bytes.assertWritten(
                room,
                length,
                "50000000 07000000 01000000 00000000 0040000000000000 0080000000000000"
                        + "00".repeat(47));
        var info = new RegionInfo().wrap(room, AT, 79);
        assertThat(info.validateReply(1, 79, 0)).isZero();
        assertThat(info.isTruncated()).isTrue();
        assertThat(info.firstCapability()).isZero();
    }

    @Test
    void shouldDecodeSparseAreas() {
        var info = new RegionInfo().wrap(Bytes.of(SPARSE), AT, 80);
        assertThat(info.validateReply(1, 80, 1)).isZero();
        assertThat(info.flags()).isEqualTo(0xf);
        assertThat(info.size()).isEqualTo(0x4000);
        assertThat(info.mmapOffset()).isEqualTo(0x8000);
        var caps = new RegionCapabilities().of(info);
        assertThat(caps.next()).isTrue();
        assertThat(caps.id()).isEqualTo(RegionCapabilities.SPARSE_MMAP);
        assertThat(caps.version()).isOne();
        assertThat(caps.areaCount()).isEqualTo(2);
        assertThat(caps.areaOffset(0)).isZero();
        assertThat(caps.areaSize(0)).isEqualTo(0x1000);
        assertThat(caps.areaOffset(1)).isEqualTo(0x2000);
        assertThat(caps.areaSize(1)).isEqualTo(0x1000);
        assertThat(caps.next()).isFalse();
    }

    @Test
    void shouldEncodeAndDecodeAChainOfThree() {
        // TYPE at 32, MSIX_MAPPABLE at 48, SPARSE with no areas at 56; argsz 72
        String hex =
                "48000000 09000000 09000000 20000000 0010000000000000 0000000000000000"
                        + "0200 0100 30000000 02000000 01000000"
                        + "0300 0100 38000000"
                        + "0100 0100 00000000 00000000 00000000";
        writer.start(room, AT, 72, 72, 9, 1, 0x1000, 0);
        writer.type(2, 1);
        writer.msixMappable();
        writer.sparseMmap(0);
        Bytes.assertWritten(room, writer.finish(), hex);

        var info = new RegionInfo().wrap(Bytes.of(hex), AT, 72);
        assertThat(info.validateReply(9, 72, 0)).isZero();
        var caps = new RegionCapabilities().of(info);
        assertThat(caps.next()).isTrue();
        assertThat(caps.id()).isEqualTo(RegionCapabilities.TYPE);
        assertThat(caps.type()).isEqualTo(2);
        assertThat(caps.subtype()).isEqualTo(1);
        assertThat(caps.next()).isTrue();
        assertThat(caps.id()).isEqualTo(RegionCapabilities.MSIX_MAPPABLE);
        assertThat(caps.next()).isTrue();
        assertThat(caps.areaCount()).isZero();
        assertThat(caps.next()).isFalse();
    }

    @Test
    void shouldTellItsOwnerOfMissingAreasAndRoom() {
        writer.start(room, AT, 64, 4096, 0, 7, 0x4000, 0);
        writer.sparseMmap(2);
        writer.area(0, 0x1000);
        assertThatThrownBy(writer::finish).hasMessageContaining("1 areas are still to be added");
        writer.area(0x1000, 0x1000);
        assertThatThrownBy(writer::finish).hasMessageContaining("room for 64 bytes");
        assertThatThrownBy(() -> writer.area(0, 1)).hasMessageContaining("more areas");
    }

    @Test
    void shouldEncodeAndDecodeIoFds() {
        String request = "10000000 00000000 02000000 00000000";
        Bytes.assertWritten(room, RegionIoFds.encodeRequest(room, AT, 16, 2), request);
        var fds = new RegionIoFds().wrap(Bytes.of(request), AT, 16);
        assertThat(fds.validateRequest(9)).isZero();
        assertThat(fds.index()).isEqualTo(2);

        // argsz 16 + 2 x 48 = 112. First: offset 0x10, size 4, fd 0, ioeventfd, DATAMATCH,
        // value 7. Second: offset 0x18, size 8, fd 1, shadow, shadow fd 0 at 0x40.
        String reply =
                "70000000 00000000 02000000 02000000"
                        + "1000000000000000 0400000000000000 00000000 00000000 01000000 ffffffff"
                        + "0000000000000000 0700000000000000"
                        + "1800000000000000 0800000000000000 01000000 02000000 00000000 00000000"
                        + "4000000000000000 0000000000000000";
        int length = RegionIoFds.encodeReply(room, AT, 112, 2, 2);
        RegionIoFds.encodeEntry(room, AT, 0, 0x10, 4, 0, 0, 1, -1, 0, 7);
        RegionIoFds.encodeEntry(room, AT, 1, 0x18, 8, 1, 2, 0, 0, 0x40, 0);
        Bytes.assertWritten(room, length, reply);

        fds.wrap(Bytes.of(reply), AT, 112);
        assertThat(fds.validateReply(2, 112, 2)).isZero();
        assertThat(fds.count()).isEqualTo(2);
        assertThat(fds.entrySize()).isEqualTo(48);
        assertThat(fds.partOffset(0)).isEqualTo(0x10);
        assertThat(fds.partSize(0)).isEqualTo(4);
        assertThat(fds.fdIndex(0)).isZero();
        assertThat(fds.flags(0)).isEqualTo(RegionIoFds.FLAG_DATAMATCH);
        assertThat(fds.shadowFdIndex(0)).isEqualTo(RegionIoFds.NO_FD);
        assertThat(fds.datamatch(0)).isEqualTo(7);
        assertThat(fds.type(1)).isEqualTo(RegionIoFds.TYPE_SHADOW_IOEVENTFD);
        assertThat(fds.shadowFdIndex(1)).isZero();
        assertThat(fds.shadowOffset(1)).isEqualTo(0x40);
    }

    @Test
    void shouldSendOnlyTheFixedPartOfIoFdsWhenTheEntriesDoNotFit() {
        int length = RegionIoFds.encodeReply(room, AT, 63, 2, 1);
        Bytes.assertWritten(room, length, "40000000 00000000 02000000 01000000");
        var fds = new RegionIoFds().wrap(room, AT, length);
        assertThat(fds.validateReply(2, 63, 0)).isZero();
        assertThat(fds.isTruncated()).isTrue();
        assertThat(fds.argsz()).isEqualTo(64);
        assertThat(fds.count()).isOne();
    }

    @Test
    void shouldDecodeIoFdsOfTheSpecifiedForm() {
        // argsz 16 + 40: offset, size, fd 0, ioregionfd, flags, padding, user_data @32
        String reply =
                "38000000 00000000 00000000 01000000"
                        + "2000000000000000 1000000000000000 00000000 01000000 00000000 00000000"
                        + "efbeadde00000000";
        var fds = new RegionIoFds().wrap(Bytes.of(reply), AT, 56);
        assertThat(fds.validateReply(0, 56, 1)).isZero();
        assertThat(fds.entrySize()).isEqualTo(40);
        assertThat(fds.type(0)).isEqualTo(RegionIoFds.TYPE_IOREGIONFD);
        assertThat(fds.datamatch(0)).isEqualTo(0xdeadbeefL);
        assertThat(fds.shadowOffset(0)).isZero();
    }
}
