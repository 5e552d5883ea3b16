package dev.muser.devices.storage;

/**
 * What a storage engine is.
 *
 * @param size in bytes
 * @param alignment offsets and lengths of requests are multiples of this many bytes, a power of two
 *     from 1 to 4096
 * @param readOnly whether writes are refused
 * @param volatileCache whether writes that have completed may be lost before a flush
 * @param discards whether DISCARD gives room back; elsewhere it does nothing
 * @param discardsReadZero whether what was discarded reads as zeros
 */
public record StorageInfo(
        long size,
        int alignment,
        boolean readOnly,
        boolean volatileCache,
        boolean discards,
        boolean discardsReadZero) {

    public StorageInfo {
        if (size < 0) {
            throw new IllegalArgumentException("storage of %d bytes".formatted(size));
        }
        if (alignment < 1 || alignment > 4096 || Integer.bitCount(alignment) != 1) {
            throw new IllegalArgumentException(
                    "alignment %d is no power of two from 1 to 4096".formatted(alignment));
        }
    }
}
