package dev.muser.cli;

import dev.muser.device.pci.DeviceFactory;
import dev.muser.device.pci.PciDevice;
import dev.muser.devices.DeviceModel;
import dev.muser.linux.Sandbox;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.ParseResult;

/**
 * Devices that are no disks.
 *
 * @param settings of the device
 */
record ServedOthers(DeviceModel model, Map<String, String> settings, ParseResult parsed)
        implements ServedKind {

    @Override
    public void check() {
        toLookAt();
    }

    @Override
    public DeviceFactory toLookAt() {
        var forDisks = DiskOptions.firstGiven(parsed);
        if (forDisks != null) {
            throw new UserError(
                    "%s is for nvme, and the device is %s".formatted(forDisks, model.name()));
        }
        try {
            return model.factory(settings);
        } catch (IllegalArgumentException e) {
            throw new UserError(String.valueOf(e.getMessage()));
        }
    }

    @Override
    public Sandbox.Needs needs(boolean programs) {
        return new Sandbox.Needs(false, false, programs);
    }

    @Override
    public List<Integer> ports() {
        return List.of();
    }

    @Override
    public void start(
            ServedDevices devices, @Nullable ServedControls controls, @Nullable UserAccount user) {
        var factory = toLookAt();
        Confinement.become(user);
        var paths = devices.paths();
        var made = new PciDevice[Math.max(1, paths.size())];
        devices.start(i -> (loop, home) -> made[i] = PciDevice.create(factory, loop, home));
        devices.process().awaitPredecessor();
        for (int i = 0; controls != null && i < paths.size(); i++) {
            controls.listen(paths.get(i), made[i]);
        }
    }
}
