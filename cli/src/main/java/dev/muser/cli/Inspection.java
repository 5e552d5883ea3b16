package dev.muser.cli;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import dev.muser.cli.pci.ConfigDecoder;
import dev.muser.cli.pci.Function;
import dev.muser.client.Limits;
import dev.muser.client.RemoteDevice;
import dev.muser.device.DeviceInfo;
import dev.muser.device.IoEventFd;
import dev.muser.device.IrqInfo;
import dev.muser.device.Region;
import dev.muser.device.RegionInfo;
import dev.muser.device.VfioDevice;
import dev.muser.device.VfioException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What a client can learn of a device without changing it.
 *
 * @param socket where it is served
 * @param info what VFIO says it is
 * @param function its configuration space; null when it is no PCI device, or cannot be read
 * @param regions by index
 * @param ioEventFds by region
 * @param irqs by index
 * @param limits what was agreed with the server; null when it was asked as its operator
 * @param migration what it can do; {@code none} without
 */
record Inspection(
        Path socket,
        DeviceInfo info,
        @Nullable Function function,
        List<RegionInfo> regions,
        List<List<IoEventFd>> ioEventFds,
        List<IrqInfo> irqs,
        @Nullable Limits limits,
        String migration) {

    static Inspection of(Path socket, RemoteDevice device) {
        return of(socket, device, device.limits());
    }

    static Inspection of(Path socket, VfioDevice device, @Nullable Limits limits) {
        var info = device.info();
        var regions = new ArrayList<RegionInfo>();
        var ioEventFds = new ArrayList<List<IoEventFd>>();
        for (int i = 0; i < info.regions(); i++) {
            regions.add(device.regionInfo(i));
            ioEventFds.add(regions.get(i).size() == 0 ? List.of() : ioEventFds(device, i));
        }
        var irqs = new ArrayList<IrqInfo>();
        for (int i = 0; i < info.irqs(); i++) {
            irqs.add(device.irqInfo(i));
        }
        return new Inspection(
                socket,
                info,
                info.pci() ? function(device, regions) : null,
                regions,
                ioEventFds,
                irqs,
                limits,
                migration(device));
    }

    /** Servers need not know the request: then there are none. */
    private static List<IoEventFd> ioEventFds(VfioDevice device, int region) {
        try {
            return device.ioEventFds(region);
        } catch (VfioException e) {
            return List.of();
        }
    }

    private static @Nullable Function function(VfioDevice device, List<RegionInfo> regions) {
        var config = regions.size() > Region.CONFIG ? regions.get(Region.CONFIG) : null;
        if (config == null || !config.readable() || config.size() < 64) {
            return null;
        }
        int size = (int) Math.min(config.size(), 4096);
        var bytes = new byte[size];
        try (var arena = Arena.ofConfined()) {
            var buffer = arena.allocate(size);
            device.readRegion(Region.CONFIG, 0, buffer, 0, size);
            MemorySegment.copy(buffer, JAVA_BYTE, 0, bytes, 0, size);
        }
        var sizes = new long[Region.ROM + 1];
        for (int i = 0; i < sizes.length; i++) {
            sizes[i] = regions.get(i).size();
        }
        return ConfigDecoder.decode(bytes, sizes);
    }

    private static String migration(VfioDevice device) {
        var migration = device.migration();
        if (migration == null) {
            return "none";
        }
        return migration.preCopy() ? "stop-copy, pre-copy" : "stop-copy";
    }

    /** Returns the name of a region or, for a device that is no PCI device, its number. */
    String regionName(int index) {
        if (!info.pci()) {
            return "region " + index;
        }
        return switch (index) {
            case Region.ROM -> "ROM";
            case Region.CONFIG -> "config";
            case Region.VGA -> "VGA";
            default -> index < Region.ROM ? "BAR" + index : "region " + index;
        };
    }

    /** Returns the name of an interrupt index. */
    String irqName(int index) {
        var names = List.of("INTx", "MSI", "MSI-X", "ERR", "REQ");
        return info.pci() && index < names.size() ? names.get(index) : "irq " + index;
    }
}
