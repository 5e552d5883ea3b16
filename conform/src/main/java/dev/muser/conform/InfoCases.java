package dev.muser.conform;

import static dev.muser.conform.Command.*;

import java.util.Arrays;

/** "VFIO_USER_DEVICE_GET_INFO". */
final class InfoCases {
    private static final int PCI = 2;

    private InfoCases() {}

    static Section section() {
        var s = new Section("device-info");
        s.must(
                "reply",
                "the reply has 16 bytes, and says so in argsz",
                t -> t.equal("argsz", 16, t.acceptedWith(16, GET_INFO, Requests.info(16)).u32(0)));
        s.must(
                "pci",
                "the device is a PCI device: no others are defined",
                t -> {
                    long flags = t.accepted(GET_INFO, Requests.info(16)).u32(4);
                    t.check((flags & PCI) != 0, "flag 2", "flags 0x%x".formatted(flags));
                    t.prefer((flags & ~3L) == 0, "no other flags", "0x%x".formatted(flags));
                });
        s.must(
                "regions",
                "a PCI device has 9 regions or more",
                t -> {
                    long regions = t.accepted(GET_INFO, Requests.info(16)).u32(8);
                    t.check(regions >= 9, "9 or more", regions + "");
                });
        s.should(
                "irqs",
                "a PCI device has 5 interrupt types: INTx, MSI, MSI-X, ERR, REQ",
                t -> t.equal("irqs:", 5, t.accepted(GET_INFO, Requests.info(16)).u32(12)));
        s.must(
                "argsz-large",
                "with a larger argsz the reply has 16 bytes all the same",
                t -> {
                    var reply = t.acceptedWith(16, GET_INFO, Requests.info(4096));
                    t.equal("argsz", 16, reply.u32(0));
                });
        s.must(
                "argsz-max",
                "argsz 2^32 - 1 is no reason for more",
                t -> t.acceptedWith(16, GET_INFO, Requests.info(0xffffffffL)));
        s.must(
                "stable",
                "asked twice it says the same",
                t -> {
                    var first = t.accepted(GET_INFO, Requests.info(16)).payload(0);
                    var second = t.accepted(GET_INFO, Requests.info(16)).payload(0);
                    t.check(Arrays.equals(first, second), Hex.of(first), Hex.of(second));
                });
        s.tooShort(GET_INFO, Requests.info(16));
        s.argszTooSmall(GET_INFO, Requests.info(16));
        return s;
    }
}
