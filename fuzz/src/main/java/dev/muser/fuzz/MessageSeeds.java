package dev.muser.fuzz;

import dev.muser.protocol.DeviceFeature;
import dev.muser.protocol.DmaAccess;
import dev.muser.protocol.DmaLoggingReport;
import dev.muser.protocol.DmaLoggingStart;
import dev.muser.protocol.DmaMap;
import dev.muser.protocol.DmaUnmap;
import dev.muser.protocol.GetInfo;
import dev.muser.protocol.IrqInfo;
import dev.muser.protocol.MigData;
import dev.muser.protocol.MigDeviceState;
import dev.muser.protocol.RegionAccess;
import dev.muser.protocol.RegionInfoWriter;
import dev.muser.protocol.RegionIoFds;
import dev.muser.protocol.RegionWriteMulti;
import dev.muser.protocol.SetIrqs;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Map;
import java.util.TreeMap;

/** One payload of each kind, as it should be. */
final class MessageSeeds {
    private static final int SPACE = 256;

    private final Map<String, byte[]> seeds = new TreeMap<>();
    private final MemorySegment room = MemorySegment.ofArray(new byte[SPACE]);

    private MessageSeeds() {}

    static Map<String, byte[]> all() {
        var made = new MessageSeeds();
        made.requests();
        made.replies();
        made.migration();
        return made.seeds;
    }

    /** The first byte chooses how many descriptors there are. */
    private void add(String name, int length) {
        var payload = room.asSlice(0, length).toArray(ValueLayout.JAVA_BYTE);
        seeds.put(name, new Seed().u8(1).raw(payload).get());
        room.fill((byte) 0);
    }

    private void requests() {
        add("map", DmaMap.encodeRequest(room, 0, 3, 0, 0x1000, 0x1000));
        add("unmap", DmaUnmap.encodeRequest(room, 0, 0, 0x1000, 0x1000));
        add("unmap-bitmap", DmaUnmap.encodeBitmapRequest(room, 0, 0x1000, 0x1000, 4096, 8));
        add("irqs-eventfd", SetIrqs.encodeRequest(room, 0, 0x24, 2, 0, 1));
        add("irqs-bool", SetIrqs.encodeRequest(room, 0, 0x22, 2, 0, 5) + 5);
        add("access", RegionAccess.encode(room, 0, 0, 0, 4) + 4);
        add("dma", DmaAccess.encode(room, 0, 0x1000, 4) + 4);
        add("multi", RegionWriteMulti.encodeRequest(room, 0, 3));
    }

    private void replies() {
        add("info", GetInfo.encodeReply(room, 0, 3, 9, 5));
        add("irq", IrqInfo.encodeReply(room, 0, 1, 0, 1));
        add("multi-reply", RegionWriteMulti.encodeReply(room, 0, 3));
        var writer = new RegionInfoWriter();
        writer.start(room, 0, SPACE, SPACE, 0, 7, 0x4000, 0);
        writer.type(1, 1);
        writer.sparseMmap(2);
        writer.area(0, 0x1000);
        writer.area(0x2000, 0x1000);
        add("region", writer.finish());
        int length = RegionIoFds.encodeReply(room, 0, SPACE, 0, 2);
        RegionIoFds.encodeEntry(room, 0, 0, 0, 4, 0, 0, 0, -1, 0, 0);
        RegionIoFds.encodeEntry(room, 0, 1, 8, 4, 0, 2, 0, 0, 0, 0);
        add("io-fds", length);
    }

    private void migration() {
        add("data", MigData.encode(room, 0, 8) + 8);
        add("feature", DeviceFeature.encode(room, 0, 0x20006, 32));
        add("state", MigDeviceState.encode(room, 0, 1, -1));
        add("log-start", DmaLoggingStart.encodeRequest(room, 0, 4096, 1));
        add("log-report", DmaLoggingReport.encode(room, 0, 0x1000, 0x1000, 4096) + 8);
    }
}
