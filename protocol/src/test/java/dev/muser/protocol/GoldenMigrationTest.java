package dev.muser.protocol;

import static dev.muser.protocol.Bytes.AT;
import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.MemorySegment;
import org.junit.jupiter.api.Test;

/** Specification, "VFIO_USER_DEVICE_FEATURE", "VFIO_USER_MIG_DATA_READ" and "..._WRITE". */
class GoldenMigrationTest {
    private final MemorySegment room = Bytes.room();
    private final DeviceFeature feature = new DeviceFeature();

    @Test
    void shouldEncodeAndDecodeTheMigrationFeature() {
        // argsz 16, GET | 1; reply flags STOP_COPY | PRE_COPY = 5
        String request = "10000000 01000100";
        Bytes.assertWritten(
                room,
                DeviceFeature.encode(room, AT, DeviceFeature.GET | DeviceFeature.MIGRATION, 8),
                request);
        feature.wrap(Bytes.of(request), AT, 8);
        assertThat(feature.validateRequest()).isZero();
        assertThat(feature.feature()).isEqualTo(DeviceFeature.MIGRATION);
        assertThat(feature.isGet()).isTrue();
        assertThat(feature.isSet()).isFalse();
        assertThat(feature.isProbe()).isFalse();
        assertThat(feature.hasRoomFor(8)).isTrue();
        assertThat(feature.hasRoomFor(9)).isFalse();
        assertThat(feature.room()).isEqualTo(8);

        String reply = request + "0500000000000000";
        int length =
                MigrationFeature.encodeReply(
                        room,
                        AT + DeviceFeature.DATA,
                        MigrationFeature.STOP_COPY | MigrationFeature.PRE_COPY);
        Bytes.assertWritten(room, DeviceFeature.SIZE + length, reply);
        feature.wrap(Bytes.of(reply), AT, 16);
        assertThat(feature.validateReply(0x10001, 16)).isZero();
        var migration =
                new MigrationFeature()
                        .wrap(feature.segment(), feature.dataOffset(), feature.dataLength());
        assertThat(migration.validateReply()).isZero();
        assertThat(migration.flags()).isEqualTo(5);
    }

    @Test
    void shouldEncodeAndDecodeTheDeviceState() {
        // argsz 16, SET | 2, state STOP_COPY, data_fd -1; the reply is the same
        String hex = "10000000 02000200 03000000 ffffffff";
        int flags = DeviceFeature.SET | DeviceFeature.MIG_DEVICE_STATE;
        DeviceFeature.encode(room, AT, flags, 8);
        MigDeviceState.encode(room, AT + 8, MigDeviceState.STOP_COPY, -1);
        Bytes.assertWritten(room, 16, hex);

        feature.wrap(Bytes.of(hex), AT, 16);
        assertThat(feature.validateRequest()).isZero();
        assertThat(feature.isSet()).isTrue();
        assertThat(feature.validateReply(flags, 16)).isZero();
        var state =
                new MigDeviceState()
                        .wrap(feature.segment(), feature.dataOffset(), feature.dataLength());
        assertThat(state.validateRequest()).isZero();
        assertThat(state.validateReply()).isZero();
        assertThat(state.state()).isEqualTo(MigDeviceState.STOP_COPY);
        assertThat(state.dataFd()).isEqualTo(-1);
    }

    @Test
    void shouldEncodeAndDecodeTheStartOfLogging() {
        // page size 4096, 2 ranges: [0, 0xa0000), [0x100000, +0x100000)
        String data =
                "0010000000000000 02000000 00000000"
                        + "0000000000000000 00000a0000000000"
                        + "0000100000000000 0000100000000000";
        int length = DmaLoggingStart.encodeRequest(room, AT, 4096, 2);
        DmaLoggingStart.encodeRange(room, AT, 0, 0, 0xa0000);
        DmaLoggingStart.encodeRange(room, AT, 1, 0x100000, 0x100000);
        Bytes.assertWritten(room, length, data);

        var start = new DmaLoggingStart().wrap(Bytes.of(data), AT, 48);
        assertThat(start.validateRequest()).isZero();
        assertThat(start.pageSize()).isEqualTo(4096);
        assertThat(start.rangeCount()).isEqualTo(2);
        assertThat(start.iova(1)).isEqualTo(0x100000);
        assertThat(start.rangeLength(0)).isEqualTo(0xa0000);
    }

    @Test
    void shouldEncodeAndDecodeAReportOfLogging() {
        // 65 pages of 4096 from 0x100000: 16 bytes of bitmap; pages 0 and 64 are dirty
        String request = "0000100000000000 0010040000000000 0010000000000000";
        Bytes.assertWritten(
                room, DmaLoggingReport.encode(room, AT, 0x100000, 0x41000, 4096), request);
        var report = new DmaLoggingReport().wrap(Bytes.of(request), AT, 24);
        assertThat(report.validateRequest(40, 40)).isZero();
        assertThat(report.iova()).isEqualTo(0x100000);
        assertThat(report.rangeLength()).isEqualTo(0x41000);
        assertThat(report.pageSize()).isEqualTo(4096);
        assertThat(report.bitmapBytes()).isEqualTo(16);

        report.wrap(Bytes.of(request + "0100000000000000 0100000000000000"), AT, 40);
        assertThat(report.validateReply(0x100000, 0x41000, 4096)).isZero();
        assertThat(report.bitmapOffset()).isEqualTo(AT + 24);
    }

    @Test
    void shouldEncodeAndDecodeMigrationData() {
        // argsz 8 + 3, size 3
        String fixed = "0b000000 03000000";
        Bytes.assertWritten(room, MigData.encode(room, AT, 3), fixed);
        var data = new MigData().wrap(Bytes.of(fixed), AT, 8);
        assertThat(data.validateReadRequest(1 << 20)).isZero();
        assertThat(data.size()).isEqualTo(3);
        data.wrap(Bytes.of(fixed + "010203"), AT, 11);
        assertThat(data.validateWriteRequest(1 << 20)).isZero();
        assertThat(data.validateReadReply(3)).isZero();
        assertThat(data.dataOffset()).isEqualTo(AT + 8);
        // 3 bytes of 5 asked for, padded as libvfio-user does: end of the stream
        data.wrap(Bytes.of(fixed + "0102030000"), AT, 13);
        assertThat(data.validateReadReply(5)).isZero();
        assertThat(data.size()).isEqualTo(3);
    }
}
