package dev.muser.cli;

import dev.muser.cli.disk.DiskKey;
import dev.muser.cli.disk.DiskSpec;
import dev.muser.cli.disk.NvmeDisk;
import dev.muser.devices.DeviceModel;
import dev.muser.devices.NvmeModel;
import dev.muser.devices.OptionValues;
import dev.muser.devices.nvme.NamespaceOptions;
import dev.muser.devices.nvme.NvmeOptions;
import dev.muser.service.DescriptorStore;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import picocli.CommandLine.ParseResult;

/** Opens the disks of {@code muser serve nvme}. */
final class ServedDisks {
    private ServedDisks() {}

    /**
     * Opens one disk for each path.
     *
     * @param settings of the device
     * @param parsed what {@link DiskOptions} declares
     * @param paths the sockets', from which disks without a name of their own get one
     * @param spin how long a disk looks for work before it sleeps
     * @param neverSleep whether it does not
     * @throws UserError when that is not possible
     */
    static List<NvmeDisk> open(
            DeviceModel model,
            Map<String, String> settings,
            ParseResult parsed,
            List<Path> paths,
            Duration spin,
            boolean neverSleep) {
        var specs = specs(settings, parsed);
        refuseTwice(specs, paths.size());
        var chosen = DiskOptions.controller(parsed);
        settings.forEach(chosen::putIfAbsent);
        OptionValues values;
        try {
            values = model.values(chosen);
        } catch (IllegalArgumentException e) {
            throw new UserError(String.valueOf(e.getMessage()));
        }
        var disks = new ArrayList<NvmeDisk>();
        try {
            for (var path : paths) {
                var owner = path.toAbsolutePath().normalize().toString();
                disks.add(new NvmeDisk(options(specs, values, owner, spin, neverSleep)));
            }
        } catch (RuntimeException e) {
            disks.forEach(NvmeDisk::close);
            throw e;
        }
        return disks;
    }

    private static List<DiskSpec> specs(Map<String, String> settings, ParseResult parsed) {
        var first = DiskOptions.first(parsed);
        if (settings.containsKey(NvmeModel.MEMORY)) {
            first.putIfAbsent(DiskKey.MEMORY, settings.get(NvmeModel.MEMORY) + "M");
        }
        var further = DiskOptions.further(parsed);
        var specs = new ArrayList<DiskSpec>();
        if (!first.isEmpty() || further.isEmpty()) {
            specs.add(DiskSpec.ofOptions(first));
        }
        further.forEach(text -> specs.add(DiskSpec.ofText(text)));
        return specs;
    }

    private static void refuseTwice(List<DiskSpec> specs, int count) {
        for (var spec : specs) {
            if (count > 1 && !spec.isRepeatable()) {
                throw new UserError(
                        "--count %d: %s is one disk, not %d; start one 'muser serve' for each image"
                                .formatted(count, spec.description(), count));
            }
        }
    }

    private static NvmeOptions options(
            List<DiskSpec> specs,
            OptionValues values,
            String owner,
            Duration spin,
            boolean neverSleep) {
        var namespaces = new ArrayList<NamespaceOptions>();
        try {
            for (int i = 0; i < specs.size(); i++) {
                namespaces.add(specs.get(i).open(owner + " " + (i + 1), DescriptorStore.NONE));
            }
            return NvmeModel.controller(values, specs.getFirst().identity(owner), namespaces)
                    .withSpin(spin, neverSleep);
        } catch (IllegalArgumentException e) {
            namespaces.forEach(namespace -> namespace.storage().close());
            throw new UserError(String.valueOf(e.getMessage()));
        } catch (RuntimeException e) {
            namespaces.forEach(namespace -> namespace.storage().close());
            throw e;
        }
    }
}
