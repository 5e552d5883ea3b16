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
import dev.muser.linux.Sandbox;
import dev.muser.service.DescriptorStore;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.function.IntFunction;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.ParseResult;

/** The disks of {@code muser serve nvme}. */
final class ServedDisks implements ServedKind {
    private final DeviceModel model;
    private final Map<String, String> settings;
    private final ParseResult parsed;
    private final Duration spin;
    private final boolean neverSleep;
    private final Broker broker;

    /**
     * @param settings of the device
     * @param parsed what {@link DiskOptions} declares
     * @param spin how long a disk looks for work before it sleeps
     * @param neverSleep whether it does not
     * @param broker who opens images
     */
    ServedDisks(
            DeviceModel model,
            Map<String, String> settings,
            ParseResult parsed,
            Duration spin,
            boolean neverSleep,
            Broker broker) {
        this.model = model;
        this.settings = settings;
        this.parsed = parsed;
        this.spin = spin;
        this.neverSleep = neverSleep;
        this.broker = broker;
    }

    @Override
    public void check() {
        // what is wrong is said when they are opened
    }

    @Override
    public DeviceFactory toLookAt() {
        var options = NvmeModel.controller(values(), "", List.of());
        return ctx -> new Nvme(ctx, options);
    }

    @Override
    public Sandbox.Needs needs(boolean programs) {
        var specs = specs();
        boolean more = !parsed.hasMatchedOption(DiskOptions.NO_CONTROL); // what operators may add
        return new Sandbox.Needs(
                more || !ports(specs).isEmpty(),
                more || specs.stream().anyMatch(DiskSpec::needsRings),
                programs);
    }

    @Override
    public List<Integer> ports() {
        return parsed.hasMatchedOption(DiskOptions.NO_CONTROL)
                ? ports(specs())
                : List.of(); // those that operators may add
    }

    @Override
    public void start(
            ServedDevices devices, @Nullable ServedControls controls, @Nullable UserAccount user) {
        var process = devices.process();
        var before = process.predecessor();
        if (before != null) {
            before.letEnd(); // images of files wait for it
        }
        var paths = devices.paths();
        var added = new ArrayList<AddedNamespaces>();
        for (int i = 0; i < Math.max(1, paths.size()); i++) {
            added.add(new AddedNamespaces(process.store(i), broker));
        }
        var names = paths.isEmpty() ? List.of(Path.of("descriptor-" + devices.fd())) : paths;
        var disks = open(names, added, process::store);
        try {
            Confinement.become(user);
            devices.start(i -> disks.get(i)::make);
            process.awaitPredecessor();
            if (controls != null) {
                controls.listen(disks, added, paths);
            }
        } catch (RuntimeException | Error e) {
            disks.forEach(NvmeDisk::close);
            throw e;
        }
    }

    /**
     * Opens one disk for each path.
     *
     * @param paths the sockets', from which disks without a name of their own get one
     * @param added what operators have added to each while it was served by another process
     * @param stores where the storages' descriptors are that outlive the process, by number
     */
    private List<NvmeDisk> open(
            List<Path> paths, List<AddedNamespaces> added, IntFunction<DescriptorStore> stores) {
        var specs = specs();
        refuseTwice(specs, paths.size());
        var values = values();
        boolean incoming = parsed.hasMatchedOption(DiskOptions.INCOMING);
        var disks = new ArrayList<NvmeDisk>();
        try {
            for (int i = 0; i < paths.size(); i++) {
                var owner = paths.get(i).toAbsolutePath().normalize().toString();
                var namespaces = open(specs, owner, stores.apply(i), added.get(i), incoming);
                disks.add(disk(specs, values, owner, namespaces, incoming));
            }
        } catch (RuntimeException e) {
            disks.forEach(NvmeDisk::close);
            throw e;
        }
        return disks;
    }

    private OptionValues values() {
        var chosen = DiskOptions.controller(parsed);
        settings.forEach(chosen::putIfAbsent);
        try {
            return model.values(chosen);
        } catch (IllegalArgumentException e) {
            throw new UserError(String.valueOf(e.getMessage()));
        }
    }

    private static List<Integer> ports(List<DiskSpec> specs) {
        return specs.stream()
                .map(DiskSpec::port)
                .flatMapToInt(OptionalInt::stream)
                .boxed()
                .toList();
    }

    private List<DiskSpec> specs() {
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

    private List<NamespaceOptions> open(
            List<DiskSpec> specs,
            String owner,
            DescriptorStore store,
            AddedNamespaces added,
            boolean incoming) {
        var namespaces = new ArrayList<NamespaceOptions>();
        try {
            for (int i = 0; i < specs.size(); i++) {
                namespaces.add(specs.get(i).open(owner + " " + (i + 1), store, broker, incoming));
            }
            namespaces.addAll(added.open());
        } catch (RuntimeException e) {
            namespaces.forEach(namespace -> namespace.storage().close());
            throw e;
        }
        return namespaces;
    }

    private NvmeDisk disk(
            List<DiskSpec> specs,
            OptionValues values,
            String owner,
            List<NamespaceOptions> namespaces,
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
