package dev.muser.protocol;

import static dev.muser.protocol.Bytes.AT;
import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.junit.jupiter.api.Test;

/** Payloads of the everyday messages, byte by byte, written by hand from the structures. */
class GoldenTest {
    private final MemorySegment room = Bytes.room();

    /** Specification, "VFIO_USER_DMA_MAP": argsz, flags, offset, address, size. */
    @Test
    void shouldEncodeAndDecodeDmaMap() {
        // flags 3, offset 0x1000, address 0xfffc0000, size 0x40000
        String hex = "20000000 03000000 0010000000000000 0000fcff00000000 0000040000000000";
        int length = DmaMap.encodeRequest(room, AT, 3, 0x1000, 0xfffc0000L, 0x40000);
        Bytes.assertWritten(room, length, hex);

        var map = new DmaMap().wrap(Bytes.of(hex), AT, 32);
        assertThat(map.validateRequest(1)).isZero();
        assertThat(map.flags()).isEqualTo(3);
        assertThat(map.isReadable()).isTrue();
        assertThat(map.isWriteable()).isTrue();
        assertThat(map.fileOffset()).isEqualTo(0x1000);
        assertThat(map.address()).isEqualTo(0xfffc0000L);
        assertThat(map.size()).isEqualTo(0x40000);
    }

    /** Specification, "VFIO_USER_DMA_UNMAP": argsz, flags, address, size; the reply is an echo. */
    @Test
    void shouldEncodeAndDecodeDmaUnmap() {
        String hex = "18000000 00000000 0000fcff00000000 0000040000000000";
        Bytes.assertWritten(room, DmaUnmap.encodeRequest(room, AT, 0, 0xfffc0000L, 0x40000), hex);

        var unmap = new DmaUnmap().wrap(Bytes.of(hex), AT, 24);
        assertThat(unmap.validateRequest(1 << 20)).isZero();
        assertThat(unmap.address()).isEqualTo(0xfffc0000L);
        assertThat(unmap.size()).isEqualTo(0x40000);
        assertThat(unmap.replyLength()).isEqualTo(24);
        Bytes.assertWritten(room, DmaUnmap.encodeReply(room, AT, unmap), hex);
        assertThat(unmap.validateReply(0, 0xfffc0000L, 0x40000, 0)).isZero();
    }

    @Test
    void shouldEncodeAndDecodeDmaUnmapOfAll() {
        String hex = "18000000 02000000 0000000000000000 0000000000000000";
        Bytes.assertWritten(room, DmaUnmap.encodeRequest(room, AT, DmaUnmap.FLAG_ALL, 0, 0), hex);
        var unmap = new DmaUnmap().wrap(Bytes.of(hex), AT, 24);
        assertThat(unmap.validateRequest(1 << 20)).isZero();
        assertThat(unmap.isAll()).isTrue();
    }

    /** libvfio-user, vfio_user_dma_unmap with bitmap: page size and bitmap bytes follow. */
    @Test
    void shouldEncodeAndDecodeDmaUnmapWithBitmap() {
        // 0x41000 bytes = 65 pages of 4096 = 2 words = 16 bytes of bitmap; argsz 56
        String hex =
                "38000000 01000000 0000100000000000 0010040000000000"
                        + "0010000000000000 1000000000000000";
        int length = DmaUnmap.encodeBitmapRequest(room, AT, 0x100000, 0x41000, 4096, 16);
        Bytes.assertWritten(room, length, hex);

        var unmap = new DmaUnmap().wrap(Bytes.of(hex), AT, 40);
        assertThat(unmap.validateRequest(56)).isZero();
        assertThat(unmap.wantsBitmap()).isTrue();
        assertThat(unmap.pageSize()).isEqualTo(4096);
        assertThat(unmap.bitmapBytes()).isEqualTo(16);
        assertThat(unmap.replyLength()).isEqualTo(56);

        var reply = Bytes.of(hex + "01000000000000000100000000000000");
        unmap.wrap(reply, AT, 56);
        assertThat(unmap.validateReply(1, 0x100000, 0x41000, 16)).isZero();
        assertThat(DmaUnmap.encodeReply(room, AT, unmap)).isEqualTo(56);
        Bytes.assertWritten(room, 40, hex);
    }

    /** Linux, vfio_device_info: argsz, flags, num_regions, num_irqs. */
    @Test
    void shouldEncodeAndDecodeGetInfo() {
        Bytes.assertWritten(
                room, GetInfo.encodeRequest(room, AT), "10000000 00000000 00000000 00000000");
        String reply = "10000000 03000000 09000000 05000000";
        int flags = GetInfo.FLAG_RESET | GetInfo.FLAG_PCI;
        Bytes.assertWritten(room, GetInfo.encodeReply(room, AT, flags, 9, 5), reply);

        var info = new GetInfo().wrap(Bytes.of(reply), AT, 16);
        assertThat(info.validateRequest()).isZero();
        assertThat(info.validateReply(100, 50)).isZero();
        assertThat(info.flags()).isEqualTo(3);
        assertThat(info.regionCount()).isEqualTo(9);
        assertThat(info.irqCount()).isEqualTo(5);
    }

    /** Linux, vfio_irq_info: argsz, flags, index, count. */
    @Test
    void shouldEncodeAndDecodeIrqInfo() {
        Bytes.assertWritten(
                room, IrqInfo.encodeRequest(room, AT, 2), "10000000 00000000 02000000 00000000");
        String reply = "10000000 01000000 02000000 00080000";
        Bytes.assertWritten(room, IrqInfo.encodeReply(room, AT, 1, IrqInfo.MSIX, 2048), reply);

        var info = new IrqInfo().wrap(Bytes.of(reply), AT, 16);
        assertThat(info.validateRequest(5)).isZero();
        assertThat(info.validateReply(2, 2048)).isZero();
        assertThat(info.flags()).isEqualTo(IrqInfo.FLAG_EVENTFD);
        assertThat(info.index()).isEqualTo(2);
        assertThat(info.count()).isEqualTo(2048);
    }

    /** Linux, vfio_irq_set: argsz, flags, index, start, count. QEMU's first one for INTx: 0x24. */
    @Test
    void shouldEncodeAndDecodeSetIrqsWithEventfd() {
        String hex = "14000000 24000000 00000000 00000000 01000000";
        int flags = SetIrqs.DATA_EVENTFD | SetIrqs.ACTION_TRIGGER;
        Bytes.assertWritten(room, SetIrqs.encodeRequest(room, AT, flags, 0, 0, 1), hex);

        var set = new SetIrqs().wrap(Bytes.of(hex), AT, 20);
        assertThat(set.validateRequest(new int[] {1, 0, 0, 1, 1}, 1)).isZero();
        assertThat(set.dataType()).isEqualTo(SetIrqs.DATA_EVENTFD);
        assertThat(set.action()).isEqualTo(SetIrqs.ACTION_TRIGGER);
        assertThat(set.index()).isZero();
        assertThat(set.start()).isZero();
        assertThat(set.count()).isOne();
    }

    @Test
    void shouldEncodeAndDecodeSetIrqsWithBools() {
        // flags MASK | BOOL, index 2, start 4, count 3, data 1 0 1; argsz 23
        String hex = "17000000 0a000000 02000000 04000000 03000000 010001";
        int flags = SetIrqs.DATA_BOOL | SetIrqs.ACTION_MASK;
        int length = SetIrqs.encodeRequest(room, AT, flags, 2, 4, 3);
        SetIrqs.encodeBool(room, AT, 0, true);
        SetIrqs.encodeBool(room, AT, 1, false);
        SetIrqs.encodeBool(room, AT, 2, true);
        Bytes.assertWritten(room, length, hex);

        var set = new SetIrqs().wrap(Bytes.of(hex), AT, 23);
        assertThat(set.validateRequest(new int[] {1, 0, 8, 1, 1}, 0)).isZero();
        assertThat(set.action()).isEqualTo(SetIrqs.ACTION_MASK);
        assertThat(set.start()).isEqualTo(4);
        assertThat(new boolean[] {set.bool(0), set.bool(1), set.bool(2)})
                .containsExactly(true, false, true);
    }

    /** Specification, "VFIO_USER_REGION_READ": offset, region, count, data in the reply. */
    @Test
    void shouldEncodeAndDecodeRegionRead() {
        String request = "1000000000000000 07000000 04000000";
        Bytes.assertWritten(room, RegionAccess.encode(room, AT, 0x10, 7, 4), request);
        var access = new RegionAccess().wrap(Bytes.of(request), AT, 16);
        assertThat(access.validateReadRequest(9, 4096)).isZero();
        assertThat(access.regionOffset()).isEqualTo(0x10);
        assertThat(access.region()).isEqualTo(7);
        assertThat(access.count()).isEqualTo(4);

        access.wrap(Bytes.of(request + "0100c0fe"), AT, 20);
        assertThat(access.validateReadReply(0x10, 7, 4)).isZero();
        assertThat(access.dataOffset()).isEqualTo(AT + 16);
        assertThat(access.segment().get(ValueLayout.JAVA_BYTE, access.dataOffset())).isOne();
    }

    /** Specification, "VFIO_USER_REGION_WRITE": offset, region, count, data in the request. */
    @Test
    void shouldEncodeAndDecodeRegionWrite() {
        String fixed = "0400000001000000 00000000 02000000";
        Bytes.assertWritten(room, RegionAccess.encode(room, AT, 0x1_0000_0004L, 0, 2), fixed);
        var access = new RegionAccess().wrap(Bytes.of(fixed + "cdab"), AT, 18);
        assertThat(access.validateWriteRequest(9, 4096)).isZero();
        assertThat(access.regionOffset()).isEqualTo(0x1_0000_0004L);
        access.wrap(Bytes.of(fixed), AT, 16);
        assertThat(access.validateWriteReply(0x1_0000_0004L, 0, 2)).isZero();
    }

    /** Specification, "VFIO_USER_DMA_READ": address, count of 8 bytes, data in the reply. */
    @Test
    void shouldEncodeAndDecodeDmaRead() {
        String fixed = "00f0ffffffffffff 0300000000000000";
        Bytes.assertWritten(room, DmaAccess.encode(room, AT, -4096, 3), fixed);
        var access = new DmaAccess().wrap(Bytes.of(fixed), AT, 16);
        assertThat(access.validateReadRequest(4096)).isZero();
        assertThat(access.address()).isEqualTo(-4096);
        assertThat(access.count()).isEqualTo(3);
        access.wrap(Bytes.of(fixed + "010203"), AT, 19);
        assertThat(access.validateReadReply(-4096, 3)).isZero();
        assertThat(access.dataOffset()).isEqualTo(AT + 16);
    }

    /** libvfio-user and QEMU 11.1: DMA_WRITE's reply has a count of 8 bytes too. */
    @Test
    void shouldEncodeAndDecodeDmaWrite() {
        String fixed = "0010000000000000 0100000000000000";
        Bytes.assertWritten(room, DmaAccess.encode(room, AT, 0x1000, 1), fixed);
        var access = new DmaAccess().wrap(Bytes.of(fixed + "7f"), AT, 17);
        assertThat(access.validateWriteRequest(4096)).isZero();
        access.wrap(Bytes.of(fixed), AT, 16);
        assertThat(access.validateWriteReply(0x1000, 1)).isZero();
    }

    /** Specification, "VFIO_USER_REGION_WRITE_MULTI": wr_cnt, entries of 24 bytes. */
    @Test
    void shouldEncodeAndDecodeRegionWriteMulti() {
        String hex =
                "0200000000000000"
                        + "1800000000000000 00000000 04000000 7856341200000000"
                        + "2000000000000000 02000000 08000000 8877665544332211";
        int length = RegionWriteMulti.encodeRequest(room, AT, 2);
        RegionWriteMulti.encodeWrite(room, AT, 0, 0x18, 0, 4, 0x12345678);
        RegionWriteMulti.encodeWrite(room, AT, 1, 0x20, 2, 8, 0x1122334455667788L);
        Bytes.assertWritten(room, length, hex);

        var multi = new RegionWriteMulti().wrap(Bytes.of(hex), AT, 56);
        assertThat(multi.validateRequest(9)).isZero();
        assertThat(multi.writes()).isEqualTo(2);
        assertThat(multi.regionOffset(1)).isEqualTo(0x20);
        assertThat(multi.region(1)).isEqualTo(2);
        assertThat(multi.count(0)).isEqualTo(4);
        assertThat(multi.dataOffset(1)).isEqualTo(AT + 8 + 24 + 16);
        assertThat(multi.isWithin(1, 0x28)).isTrue();
        assertThat(multi.isWithin(1, 0x27)).isFalse();

        var other = Bytes.room();
        Bytes.assertWritten(other, RegionWriteMulti.encodeReply(other, AT, 2), "0200000000000000");
        multi.wrap(Bytes.of("0200000000000000"), AT, 8);
        assertThat(multi.validateReply(2)).isZero();
        assertThat(multi.writes()).isEqualTo(2);
    }
}
