package dev.muser.conform;

import static dev.muser.conform.Command.*;

import java.util.Arrays;

/** "VFIO_USER_DEVICE_RESET". */
final class ResetCases {
    private ResetCases() {}

    static Section section() {
        var s = new Section("device-reset");
        s.must(
                "reply",
                "a reset is answered without payload",
                t -> {
                    t.need(t.device().resettable(), "no reset");
                    t.acceptedWith(0, RESET, Bytes.of());
                    t.serves();
                });
        s.must(
                "config",
                "after a reset configuration space has the same identity",
                t -> {
                    t.need(t.device().resettable(), "no reset");
                    var before = RegionReadCases.read(t, 0, 4);
                    t.accepted(RESET, Bytes.of());
                    var after = RegionReadCases.read(t, 0, 4);
                    t.check(Arrays.equals(before, after), Hex.of(before), Hex.of(after));
                });
        s.must(
                "twice",
                "two resets in a row are answered",
                t -> {
                    t.need(t.device().resettable(), "no reset");
                    t.accepted(RESET, Bytes.of());
                    t.accepted(RESET, Bytes.of());
                });
        s.must(
                "dma",
                "mappings are still there after a reset",
                t -> {
                    t.need(t.device().resettable(), "no reset");
                    t.map(0x3000_0000L, 0x1000);
                    t.accepted(RESET, Bytes.of());
                    t.acceptedWith(24, DMA_UNMAP, Requests.dmaUnmap(0x3000_0000L, 0x1000));
                });
        s.must(
                "no-reply",
                "a reset with No_reply gets no reply",
                t -> {
                    t.need(t.device().resettable(), "no reset");
                    t.unanswered(RESET, Bytes.of());
                });
        s.should(
                "not-offered",
                "a reset that is not offered is refused",
                t -> {
                    t.need(!t.device().resettable(), "the device has a reset");
                    t.refused(RESET, Bytes.of());
                });
        s.must(
                "payload",
                "a reset with a payload is answered, in whichever way",
                t -> {
                    t.need(t.device().resettable(), "no reset");
                    t.answered(RESET, Bytes.of().zeros(8));
                    t.serves();
                });
        return s;
    }
}
