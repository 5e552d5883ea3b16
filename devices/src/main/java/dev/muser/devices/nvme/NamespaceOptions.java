package dev.muser.devices.nvme;

import dev.muser.devices.storage.Storage;
import java.nio.charset.StandardCharsets;
import java.util.UUID;

/**
 * A namespace of a controller.
 *
 * @param storage what is behind it; the controller closes it
 * @param blockSize bytes of a logical block: 512 or 4096
 * @param readOnly whether writes are refused, also where the storage takes them
 * @param attached whether the controller has it from the start; else a driver can attach it
 * @param uuid what it is known by; stays the same over restarts
 * @param description for people, such as the image's path
 */
public record NamespaceOptions(
        Storage storage,
        int blockSize,
        boolean readOnly,
        boolean attached,
        UUID uuid,
        String description) {

    public NamespaceOptions {
        if (blockSize != 512 && blockSize != 4096) {
            throw new IllegalArgumentException(
                    "block size %d: must be 512 or 4096".formatted(blockSize));
        }
        var info = storage.info();
        if (info.alignment() > blockSize) {
            throw new IllegalArgumentException(
                    "block size %d: %s takes multiples of %d only"
                            .formatted(blockSize, description, info.alignment()));
        }
        if (info.size() < blockSize) {
            throw new IllegalArgumentException(
                    "%s has %d bytes, which is not one block of %d"
                            .formatted(description, info.size(), blockSize));
        }
    }

    /** A namespace that is attached, of such blocks; its UUID follows from the description. */
    public static NamespaceOptions of(Storage storage, int blockSize, String description) {
        return new NamespaceOptions(
                storage, blockSize, false, true, uuidOf(description), description);
    }

    /** Returns the UUID that always stands for such a name. */
    public static UUID uuidOf(String name) {
        return UUID.nameUUIDFromBytes(name.getBytes(StandardCharsets.UTF_8));
    }
}
