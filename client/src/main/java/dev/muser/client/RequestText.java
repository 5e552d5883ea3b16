package dev.muser.client;

import dev.muser.protocol.Command;
import dev.muser.protocol.DmaMap;
import dev.muser.protocol.DmaUnmap;
import dev.muser.protocol.Header;
import dev.muser.protocol.IrqInfo;
import dev.muser.protocol.RegionAccess;
import dev.muser.protocol.RegionInfo;
import dev.muser.protocol.SetIrqs;
import java.lang.foreign.MemorySegment;

/** A request in words, for the message of an error. */
final class RequestText {
    private RequestText() {}

    static String of(MemorySegment message) {
        var header = new Header().wrap(message, 0);
        int command = header.command();
        int length = header.payloadLength();
        var details =
                switch (command) {
                    case Command.REGION_READ, Command.REGION_WRITE -> {
                        var m = new RegionAccess().wrap(message, Header.SIZE, length);
                        yield " region %d offset 0x%x count %d"
                                .formatted(m.region(), m.regionOffset(), m.count());
                    }
                    case Command.DMA_MAP -> {
                        var m = new DmaMap().wrap(message, Header.SIZE, length);
                        yield " address 0x%x size 0x%x".formatted(m.address(), m.size());
                    }
                    case Command.DMA_UNMAP -> {
                        var m = new DmaUnmap().wrap(message, Header.SIZE, length);
                        yield m.isAll()
                                ? " all"
                                : " address 0x%x size 0x%x".formatted(m.address(), m.size());
                    }
                    case Command.DEVICE_GET_REGION_INFO ->
                            " region "
                                    + new RegionInfo().wrap(message, Header.SIZE, length).index();
                    case Command.DEVICE_GET_IRQ_INFO ->
                            " index " + new IrqInfo().wrap(message, Header.SIZE, length).index();
                    case Command.DEVICE_SET_IRQS -> {
                        var m = new SetIrqs().wrap(message, Header.SIZE, length);
                        yield " index %d flags 0x%x start %d count %d"
                                .formatted(m.index(), m.flags(), m.start(), m.count());
                    }
                    default -> "";
                };
        return Command.name(command) + details;
    }
}
