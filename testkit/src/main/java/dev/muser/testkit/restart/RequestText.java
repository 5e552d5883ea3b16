package dev.muser.testkit.restart;

import dev.muser.device.Region;
import dev.muser.device.pci.RegisterSnapshot;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.HexFormat;
import java.util.stream.Collectors;

/** Requests and places of a device in words. */
final class RequestText {
    private static final String[] INTERRUPTS = {"INTx", "MSI", "MSI-X", "ERR", "REQ"};

    private RequestText() {}

    static String of(Request request, DeviceView device) {
        return switch (request) {
            case Request.Read r ->
                    "read of %s".formatted(range(r.region(), r.offset(), r.count(), device));
            case Request.Write w ->
                    "write of %s to %s"
                            .formatted(
                                    value(w.bytes()),
                                    range(w.region(), w.offset(), w.bytes().byteSize(), device));
            case Request.Store s ->
                    "store of %s to client memory at 0x%x".formatted(value(s.bytes()), s.iova());
            case Request.StoreMapped s ->
                    "store of %s to mapped %s"
                            .formatted(
                                    value(s.bytes()),
                                    range(s.region(), s.offset(), s.bytes().byteSize(), device));
            case Request.WriteMigration w ->
                    "write of %d bytes to the migration stream".formatted(w.bytes().byteSize());
            case Request.MapDma m ->
                    "mapping of 0x%x bytes at 0x%x, %s, %s"
                            .formatted(
                                    m.size(),
                                    m.iova(),
                                    m.access(),
                                    m.shared() ? "shared" : "by message");
            case Request.Settle _ -> "waiting until all is quiet";
            case Request.Work _ -> "turns of the loop";
            case Request.Expire _ -> "expiry of the next timer";
            case Request.ExpireAll _ -> "expiry of all timers";
            default -> request.toString();
        };
    }

    private static String value(MemorySegment bytes) {
        long count = bytes.byteSize();
        if (count > 8) {
            var text = HexFormat.of().formatHex(bytes.toArray(ValueLayout.JAVA_BYTE));
            return "bytes " + (count <= 32 ? text : text.substring(0, 64) + "...");
        }
        return "0x%x".formatted(number(bytes));
    }

    /** Returns up to 8 bytes as a number. */
    static long number(MemorySegment bytes) {
        long value = 0;
        for (long i = bytes.byteSize() - 1; i >= 0; i--) {
            value = value << 8 | (bytes.get(ValueLayout.JAVA_BYTE, i) & 0xff);
        }
        return value;
    }

    private static String range(int region, long offset, long count, DeviceView device) {
        var text = "%d bytes at 0x%x of %s".formatted(count, offset, region(region));
        var names =
                device.registers(region).stream()
                        .filter(r -> r.offset() < offset + count && offset < end(r))
                        .map(RegisterSnapshot::name)
                        .collect(Collectors.joining(", "));
        return names.isEmpty() ? text : text + " (" + names + ")";
    }

    private static long end(RegisterSnapshot register) {
        return register.offset() + register.width().bytes();
    }

    static String region(int region) {
        return switch (region) {
            case Region.ROM -> "the ROM";
            case Region.CONFIG -> "configuration space";
            case Region.VGA -> "VGA";
            default -> "BAR" + region;
        };
    }

    static String interrupt(TwinClient.Signal signal) {
        return "%s %d".formatted(INTERRUPTS[signal.index()], signal.vector());
    }
}
