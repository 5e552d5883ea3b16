package dev.muser.devices;

import dev.muser.devices.nvme.Doorbell;
import dev.muser.devices.nvme.NamespaceOptions;
import dev.muser.devices.nvme.Nvme;
import dev.muser.devices.nvme.NvmeOptions;
import dev.muser.devices.storage.MemoryStorage;
import dev.muser.service.DescriptorStore;
import java.util.List;
import java.util.Locale;
import java.util.stream.Stream;

/**
 * The NVMe disk by its name. What can be chosen by text is the controller, and a disk in memory;
 * other storages are opened by whoever has them, see {@link #controller}.
 */
public final class NvmeModel {
    public static final String NAME = "nvme";

    /** The size in MiB of the disk that {@link DeviceModel#factory} gives. */
    public static final String MEMORY = "memory";

    public static final String DOORBELLS = "doorbells";
    public static final List<String> DOORBELL_WORDS = List.of("auto", "mapped", "messages");

    private static final List<DeviceOption> CONTROLLER =
            List.of(
                    DeviceOption.text("serial", "serial number", "", 20),
                    DeviceOption.text("model", "model number", "Muser NVMe", 40),
                    DeviceOption.integer(
                            "queues",
                            "most I/O queue pairs",
                            NvmeOptions.MOST_QUEUES,
                            1,
                            NvmeOptions.MOST_QUEUES),
                    DeviceOption.integer(
                            "vectors",
                            "MSI-X vectors",
                            NvmeOptions.DEFAULT_VECTORS,
                            1,
                            NvmeOptions.MOST_VECTORS),
                    DeviceOption.choice(
                            DOORBELLS,
                            "how it hears of work: in memory that the driver maps (and it polls),"
                                    + " by messages, or mapped for user-space drivers and by"
                                    + " messages for virtual machines",
                            "auto",
                            DOORBELL_WORDS));

    static final DeviceModel MODEL =
            new DeviceModel(
                    NAME,
                    "NVMe 1.4 disk: images, memory, NBD ('muser serve --help' for its options)",
                    Stream.concat(
                                    CONTROLLER.stream(),
                                    Stream.of(
                                            DeviceOption.integer(
                                                    MEMORY,
                                                    "MiB of a disk in memory",
                                                    64,
                                                    1,
                                                    1 << 24)))
                            .toList(),
                    values -> ctx -> new Nvme(ctx, inMemory(values, ctx.descriptors())));

    private NvmeModel() {}

    /** Returns what can be chosen of a controller. */
    public static List<DeviceOption> controllerOptions() {
        return CONTROLLER;
    }

    /**
     * Returns a controller as chosen.
     *
     * @param identity stays the same, and is another's on no other disk: makes the serial number
     *     where none was chosen
     */
    public static NvmeOptions controller(
            OptionValues values, String identity, List<NamespaceOptions> namespaces) {
        var chosen = values.text("serial");
        return NvmeOptions.of(chosen.isEmpty() ? serial(identity) : chosen, namespaces)
                .withModel(values.text("model"))
                .withQueues((int) values.integer("queues"))
                .withVectors((int) values.integer("vectors"))
                .withDoorbell(Doorbell.valueOf(values.text(DOORBELLS).toUpperCase(Locale.ROOT)));
    }

    private static String serial(String identity) {
        var digits = NamespaceOptions.uuidOf(identity).toString().replace("-", "");
        return digits.substring(0, 20).toUpperCase(Locale.ROOT);
    }

    private static NvmeOptions inMemory(OptionValues values, DescriptorStore store) {
        var storage = new MemoryStorage(values.integer(MEMORY) << 20, store);
        return controller(values, NAME, List.of(NamespaceOptions.of(storage, 512, "memory")));
    }
}
