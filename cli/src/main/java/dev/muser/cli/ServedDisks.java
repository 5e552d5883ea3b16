package dev.muser.cli;

import dev.muser.cli.disk.AddedNamespaces;
import dev.muser.cli.disk.DiskKey;
import dev.muser.cli.disk.DiskSpec;
import dev.muser.cli.disk.NvmeDisk;
import dev.muser.device.pci.DeviceFactory;
import dev.muser.devices.DeviceModel;
import dev.muser.devices.NvmeModel;
import dev.muser.devices.OptionValues;
import dev.muser.devices.nvme.NamespaceOptions;
import dev.muser.devices.nvme.Nvme;
import dev.muser.devices.storage.ImageFiles;
import dev.muser.linux.Sandbox;
import dev.muser.service.DescriptorStore;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.function.IntFunction;
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
     * @param added what operators have added to each while it was served by another process
     * @param stores where the storages' descriptors are that outlive the process, by number
     * @param files who opens images
     * @throws UserError when that is not possible
     */
    static List<NvmeDisk> open(
            DeviceModel model,
            Map<String, String> settings,
            ParseResult parsed,
            List<Path> paths,
            Duration spin,
            boolean neverSleep,
            List<AddedNamespaces> added,
            IntFunction<DescriptorStore> stores,
            ImageFiles files) {
        var specs = specs(settings, parsed);
        refuseTwice(specs, paths.size());
        var values = values(model, settings, parsed);
        boolean incoming = parsed.hasMatchedOption(DiskOptions.INCOMING);
        var disks = new ArrayList<NvmeDisk>();
        try {
            for (int i = 0; i < paths.size(); i++) {
                var owner = paths.get(i).toAbsolutePath().normalize().toString();
                var namespaces = open(specs, owner, stores.apply(i), added.get(i), files, incoming);
                disks.add(disk(specs, values, owner, namespaces, spin, neverSleep, incoming));
            }
        } catch (RuntimeException e) {
            disks.forEach(NvmeDisk::close);
            throw e;
        }
        return disks;
    }

    private static OptionValues values(
            DeviceModel model, Map<String, String> settings, ParseResult parsed) {
        var chosen = DiskOptions.controller(parsed);
        settings.forEach(chosen::putIfAbsent);
        try {
            return model.values(chosen);
        } catch (IllegalArgumentException e) {
            throw new UserError(String.valueOf(e.getMessage()));
        }
    }

    /**
     * Returns what makes such a disk without any namespace, to look whether it can be gone on with.
     */
    static DeviceFactory toLookAt(
            DeviceModel model, Map<String, String> settings, ParseResult parsed) {
        var options = NvmeModel.controller(values(model, settings, parsed), "", List.of());
        return ctx -> new Nvme(ctx, options);
    }

    /** Returns what a process needs that serves them, with what operators may add. */
    static Sandbox.Needs needs(Map<String, String> settings, ParseResult parsed, boolean programs) {
        var specs = specs(settings, parsed);
        boolean more = !parsed.hasMatchedOption(DiskOptions.NO_CONTROL);
        return new Sandbox.Needs(
                more || !ports(specs).isEmpty(),
                more || specs.stream().anyMatch(DiskSpec::needsRings),
                programs);
    }

    /** Returns the TCP ports that they connect to, when operators can add none. */
    static List<Integer> ports(Map<String, String> settings, ParseResult parsed) {
        return parsed.hasMatchedOption(DiskOptions.NO_CONTROL)
                ? ports(specs(settings, parsed))
                : List.of();
    }

    private static List<Integer> ports(List<DiskSpec> specs) {
        return specs.stream()
                .map(DiskSpec::port)
                .flatMapToInt(OptionalInt::stream)
                .boxed()
                .toList();
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

    private static List<NamespaceOptions> open(
            List<DiskSpec> specs,
            String owner,
            DescriptorStore store,
            AddedNamespaces added,
            ImageFiles files,
            boolean incoming) {
        var namespaces = new ArrayList<NamespaceOptions>();
        try {
            for (int i = 0; i < specs.size(); i++) {
                namespaces.add(specs.get(i).open(owner + " " + (i + 1), store, files, incoming));
            }
            namespaces.addAll(added.open());
        } catch (RuntimeException e) {
            namespaces.forEach(namespace -> namespace.storage().close());
            throw e;
        }
        return namespaces;
    }

    private static NvmeDisk disk(
            List<DiskSpec> specs,
            OptionValues values,
            String owner,
            List<NamespaceOptions> namespaces,
            Duration spin,
            boolean neverSleep,
            boolean incoming) {
        try {
            return new NvmeDisk(
                    NvmeModel.controller(values, specs.getFirst().identity(owner), namespaces)
                            .withSpin(spin, neverSleep)
                            .withIncoming(incoming));
        } catch (IllegalArgumentException e) {
            namespaces.forEach(namespace -> namespace.storage().close());
            throw new UserError(String.valueOf(e.getMessage()));
        }
    }
}
