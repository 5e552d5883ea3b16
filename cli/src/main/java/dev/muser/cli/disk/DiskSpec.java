package dev.muser.cli.disk;

import dev.muser.cli.UserError;
import dev.muser.devices.nvme.NamespaceOptions;
import dev.muser.devices.storage.FileOptions;
import dev.muser.devices.storage.FileStorage;
import dev.muser.devices.storage.ImageFiles;
import dev.muser.devices.storage.LimitedStorage;
import dev.muser.devices.storage.MemoryStorage;
import dev.muser.devices.storage.NullStorage;
import dev.muser.devices.storage.RateLimit;
import dev.muser.devices.storage.Storage;
import dev.muser.devices.storage.StorageException;
import dev.muser.devices.storage.StorageLimits;
import dev.muser.devices.storage.nbd.NbdOptions;
import dev.muser.devices.storage.nbd.NbdStorage;
import dev.muser.service.DescriptorStore;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.OptionalInt;
import java.util.UUID;
import java.util.function.Function;
import java.util.stream.Collectors;

/** A namespace that was described by keys and values, checked, and not yet opened. */
public final class DiskSpec {
    private static final List<DiskKey> PLACES =
            Arrays.stream(DiskKey.values())
                    .filter(key -> key.topic() == DiskKey.Topic.PLACE)
                    .toList();

    private final Map<DiskKey, String> values;
    private final Function<DiskKey, String> names;
    private final DiskKey place;
    private final int blockSize;
    private final StorageLimits limits;

    private DiskSpec(Map<DiskKey, String> values, Function<DiskKey, String> names) {
        this.values = new EnumMap<>(values);
        this.names = names;
        place = findPlace();
        refuseWhatDoesNotFit();
        blockSize =
                values.containsKey(DiskKey.BLOCK_SIZE)
                        ? get(DiskKey.BLOCK_SIZE, DiskSpec::blockSize)
                        : 512;
        limits = limits();
        switch (place) { // what is wrong is said before anything is opened
            case FILE -> {
                fileOptions();
                path();
            }
            case NBD -> nbdOptions();
            default -> get(place, Amounts::size);
        }
        if (values.containsKey(DiskKey.UUID)) {
            get(DiskKey.UUID, DiskSpec::uuid);
        }
    }

    /**
     * The namespace that options describe.
     *
     * @throws UserError with what is wrong; so both
     */
    public static DiskSpec ofOptions(Map<DiskKey, String> values) {
        return new DiskSpec(values, DiskKey::option);
    }

    /** The namespace that a text describes. */
    public static DiskSpec ofText(String text) {
        return new DiskSpec(
                DiskText.parse(text), key -> "--namespace %s: %s".formatted(text, key.key()));
    }

    /** Whether it can be had more than once: not so an image. */
    public boolean isRepeatable() {
        return place == DiskKey.MEMORY || place == DiskKey.NULL;
    }

    /** Returns the TCP port behind which its bytes are, if they are. */
    public OptionalInt port() {
        try {
            return place == DiskKey.NBD ? NbdStorage.port(description()) : OptionalInt.empty();
        } catch (StorageException e) {
            return OptionalInt.empty(); // and cannot be opened, which says why
        }
    }

    /** Whether its operations may go through {@code io_uring(7)}. */
    public boolean needsRings() {
        return place == DiskKey.FILE && !"threads".equalsIgnoreCase(values.get(DiskKey.ENGINE));
    }

    /** Returns what it is, for messages. */
    public String description() {
        return switch (place) {
            case FILE -> path().toString();
            case NBD -> values.getOrDefault(place, "");
            case MEMORY -> "memory of " + values.get(place);
            default -> "null of " + values.get(place);
        };
    }

    /**
     * Returns a name that no other disk of this machine has, and that stays the same.
     *
     * @param owner the same of its device, for bytes that have no name of their own
     */
    public String identity(String owner) {
        return isRepeatable() ? owner : place.key() + " " + description();
    }

    /**
     * Opens the storage, as a process before this one has left it, or new.
     *
     * @param owner as for {@link #identity}
     * @param store where its descriptors stay when this process ends; the same for all namespaces
     * @param files who opens an image
     * @param incoming whether its disk is to move in, so that another process may have the bytes
     * @throws UserError when that is not possible
     */
    public NamespaceOptions open(
            String owner, DescriptorStore store, ImageFiles files, boolean incoming) {
        Storage storage;
        try {
            storage = openStorage(store.under("storage." + uuidOf(owner) + "."), files, incoming);
        } catch (StorageException e) {
            throw new UserError(String.valueOf(e.getMessage()));
        }
        try {
            return describe(storage, owner);
        } catch (IllegalArgumentException e) {
            storage.close();
            throw new UserError(String.valueOf(e.getMessage()));
        } catch (RuntimeException e) {
            storage.close();
            throw e;
        }
    }

    private NamespaceOptions describe(Storage storage, String owner) {
        long size = storage.info().size();
        if (size % blockSize != 0) {
            throw new UserError(
                    "%s has %d bytes, which is no multiple of the block size %d"
                            .formatted(description(), size, blockSize));
        }
        return new NamespaceOptions(
                limits.isNone() ? storage : new LimitedStorage(storage, limits),
                blockSize,
                values.containsKey(DiskKey.READ_ONLY),
                !values.containsKey(DiskKey.DETACHED),
                uuidOf(owner),
                description());
    }

    private UUID uuidOf(String owner) {
        return values.containsKey(DiskKey.UUID)
                ? get(DiskKey.UUID, DiskSpec::uuid)
                : NamespaceOptions.uuidOf(identity(owner));
    }

    private Storage openStorage(DescriptorStore store, ImageFiles files, boolean incoming) {
        return switch (place) {
            case FILE ->
                    FileStorage.open(
                            path(), fileOptions().withFiles(files).withIncoming(incoming), store);
            case NBD -> NbdStorage.open(values.getOrDefault(place, ""), nbdOptions());
            case MEMORY -> new MemoryStorage(get(place, Amounts::size), store);
            default -> new NullStorage(get(place, Amounts::size));
        };
    }

    private Path path() {
        return get(
                DiskKey.FILE,
                text -> {
                    try {
                        if (!text.isEmpty()) {
                            return Path.of(text).toAbsolutePath().normalize();
                        }
                    } catch (InvalidPathException e) {
                        // the same message
                    }
                    throw new IllegalArgumentException("'%s' is not a path".formatted(text));
                });
    }

    private FileOptions fileOptions() {
        var options =
                FileOptions.DEFAULT
                        .withReadOnly(values.containsKey(DiskKey.READ_ONLY))
                        .withDirect(values.containsKey(DiskKey.DIRECT));
        if (values.containsKey(DiskKey.SIZE)) {
            options = options.withCreate(get(DiskKey.SIZE, Amounts::size));
        }
        if (values.containsKey(DiskKey.ENGINE)) {
            options = options.withEngine(get(DiskKey.ENGINE, DiskSpec::engine));
        }
        if (values.containsKey(DiskKey.THREADS)) {
            long threads = get(DiskKey.THREADS, text -> Amounts.count(text, 1, 64));
            options = options.withThreads((int) threads);
        }
        return options;
    }

    private NbdOptions nbdOptions() {
        var options = NbdOptions.DEFAULTS;
        if (values.containsKey(DiskKey.CONNECTIONS)) {
            long count = get(DiskKey.CONNECTIONS, text -> Amounts.count(text, 1, 64));
            options = options.withConnections((int) count);
        }
        if (values.containsKey(DiskKey.PATIENCE)) {
            options = options.withReconnectTime(get(DiskKey.PATIENCE, Amounts::duration));
        }
        return options;
    }

    private StorageLimits limits() {
        return StorageLimits.NONE
                .withAll(operations(DiskKey.IOPS), bytes(DiskKey.BANDWIDTH))
                .withReads(operations(DiskKey.READ_IOPS), bytes(DiskKey.READ_BANDWIDTH))
                .withWrites(operations(DiskKey.WRITE_IOPS), bytes(DiskKey.WRITE_BANDWIDTH));
    }

    private RateLimit operations(DiskKey key) {
        return values.containsKey(key) ? get(key, Amounts::operations) : RateLimit.NONE;
    }

    private RateLimit bytes(DiskKey key) {
        return values.containsKey(key) ? get(key, Amounts::bytes) : RateLimit.NONE;
    }

    private DiskKey findPlace() {
        var given = PLACES.stream().filter(values::containsKey).toList();
        if (given.size() != 1) {
            throw new UserError(
                    "say where the disk's bytes are, by one of %s%s"
                            .formatted(
                                    PLACES.stream()
                                            .map(key -> names.apply(key) + " " + key.label())
                                            .collect(Collectors.joining(", ")),
                                    given.isEmpty() ? "" : ", not by several"));
        }
        return given.getFirst();
    }

    private void refuseWhatDoesNotFit() {
        for (var key : values.keySet()) {
            boolean fits =
                    switch (key.topic()) {
                        case IMAGE -> place == DiskKey.FILE;
                        case SERVER -> place == DiskKey.NBD;
                        case PLACE, NAMESPACE, LIMITS -> true;
                    };
            if (!fits) {
                throw new UserError(
                        "%s goes %s, not with %s"
                                .formatted(
                                        names.apply(key), key.topic().heading(), place.option()));
            }
        }
    }

    private <T> T get(DiskKey key, Function<String, T> reader) {
        try {
            return reader.apply(values.getOrDefault(key, ""));
        } catch (IllegalArgumentException e) {
            throw new UserError("%s: %s".formatted(names.apply(key), e.getMessage()));
        }
    }

    private static int blockSize(String text) {
        return switch (text) {
            case "512" -> 512;
            case "4096", "4K", "4k" -> 4096;
            default ->
                    throw new IllegalArgumentException("'%s' is not 512 or 4096".formatted(text));
        };
    }

    private static FileOptions.Engine engine(String text) {
        try {
            return FileOptions.Engine.valueOf(text.toUpperCase(Locale.ROOT));
        } catch (IllegalArgumentException e) {
            throw new IllegalArgumentException(
                    "'%s' is none of auto, uring, threads".formatted(text), e);
        }
    }

    private static UUID uuid(String text) {
        try {
            var uuid = UUID.fromString(text);
            if (uuid.toString().equalsIgnoreCase(text)) {
                return uuid;
            }
        } catch (IllegalArgumentException e) {
            // the same message
        }
        throw new IllegalArgumentException(
                "'%s' is not a UUID; 'uuidgen' makes one".formatted(text));
    }
}
