package dev.muser.client;

import dev.muser.device.Irq;
import dev.muser.device.Migration;
import dev.muser.device.MigrationState;
import dev.muser.device.Region;
import dev.muser.device.VfioDevice;
import dev.muser.device.VfioException;
import dev.muser.linux.Errno;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.time.Duration;

/**
 * Has one device go on as what another one is ({@code VFIO_DEVICE_FEATURE_MIGRATION}, version 2).
 * Both are attached by the caller, who is the client of both; the second is of the same kind, and
 * what it is now is lost.
 *
 * {@snippet :
 * var migration = DeviceMigration.begin(from, to);
 * while (migration.copyEarly() > 65536) {} // while the device runs
 * var report = migration.finish();
 * }
 *
 * <p>Mappings and eventfds are not the device's: whoever needs them at the far side installs them
 * there before {@link #finish}, as {@link MovableDevice} does.
 *
 * <p>When something fails, the first device runs on, and the second has been reset; unless the
 * first has let go of what only one can have, such as the lock of an image, and another has that by
 * now: then it stays stopped. Belongs to one thread, that of the two devices.
 */
public final class DeviceMigration {
    private static final int PIECE = 256 << 10;

    /**
     * What it took.
     *
     * @param earlyBytes of the stream, copied while the first device ran
     * @param lateBytes copied while neither ran
     * @param early time of the first part
     * @param downtime from the request to the first device to stop, to the second's answer that it
     *     runs
     */
    public record Report(long earlyBytes, long lateBytes, Duration early, Duration downtime) {}

    private final Migration source;
    private final Migration target;
    private final VfioDevice targetDevice;
    private final boolean early;
    private final MemorySegment piece = Arena.ofAuto().allocate(PIECE);
    private final long began = System.nanoTime();
    private long earlyBytes;
    private long lateBytes;
    private boolean over;

    private DeviceMigration(
            Migration source, Migration target, VfioDevice targetDevice, boolean early) {
        this.source = source;
        this.early = early && source.preCopy();
        this.target = target;
        this.targetDevice = targetDevice;
    }

    /**
     * Begins: the first device is copied while it runs, if it can be, and the second stops.
     *
     * @throws MigrationException when they differ, or one of them does not migrate
     */
    public static DeviceMigration begin(VfioDevice from, VfioDevice to) {
        return begin(from, to, true);
    }

    /**
     * As {@link #begin(VfioDevice, VfioDevice)}.
     *
     * @param early whether the first device may be copied while it runs; else all is copied when it
     *     stands still
     */
    public static DeviceMigration begin(VfioDevice from, VfioDevice to, boolean early) {
        requireSame(from, to);
        var migration = new DeviceMigration(migration(from), migration(to), to, early);
        try {
            migration.target.moveTo(MigrationState.RESUMING);
        } catch (VfioException | DisconnectedException e) {
            throw migration.failed("the target does not take a stream", e);
        }
        try {
            if (migration.early) {
                migration.source.moveTo(MigrationState.PRE_COPY);
            }
        } catch (VfioException | DisconnectedException e) {
            throw migration.failed("the source cannot be copied", e);
        }
        return migration;
    }

    private static Migration migration(VfioDevice device) {
        var migration = device.migration();
        if (migration == null) {
            throw new MigrationException(
                    device + " does not migrate",
                    new VfioException(Errno.EOPNOTSUPP, "no migration"));
        }
        return migration;
    }

    private static void requireSame(VfioDevice from, VfioDevice to) {
        for (int region = 0; region < Region.COUNT; region++) {
            long there = size(from, region);
            long here = size(to, region);
            if (there != here) {
                throw different("region %d has %d bytes there and %d here", region, there, here);
            }
        }
        for (int index = 0; index < Irq.COUNT; index++) {
            int there = index < from.info().irqs() ? from.irqInfo(index).count() : 0;
            int here = index < to.info().irqs() ? to.irqInfo(index).count() : 0;
            if (there != here) {
                throw different("interrupt index %d has %d there and %d here", index, there, here);
            }
        }
    }

    private static long size(VfioDevice device, int region) {
        return region < device.info().regions() ? device.regionInfo(region).size() : 0;
    }

    private static MigrationException different(String how, int what, long there, long here) {
        var why = how.formatted(what, there, here);
        return new MigrationException(
                "the target is another kind of device: " + why,
                new VfioException(Errno.ENODEV, why));
    }

    /**
     * Copies what has changed since the last call, while the device runs; all of it the first time.
     * When less is left than it would take to copy while the device stands still, {@link #finish}.
     *
     * @return how many bytes that were; 0 for a device that is only copied when it has stopped
     * @throws MigrationException when it fails: it is over
     */
    public long copyEarly() {
        requireGoing();
        if (!early) {
            return 0;
        }
        long copied = copy();
        earlyBytes += copied;
        return copied;
    }

    /**
     * Stops the first device, copies the rest, and starts the second. The first stays in {@link
     * MigrationState#STOP}.
     *
     * @throws MigrationException when it fails: it is over
     */
    public Report finish() {
        requireGoing();
        long stopping = System.nanoTime();
        try {
            source.moveTo(MigrationState.STOP_COPY);
        } catch (VfioException | DisconnectedException e) {
            throw failed("the source cannot be stopped", e);
        }
        lateBytes = copy();
        try {
            target.moveTo(MigrationState.RUNNING);
        } catch (VfioException | DisconnectedException e) {
            throw failed("the target refuses what came", e);
        }
        long running = System.nanoTime();
        over = true;
        try {
            source.moveTo(MigrationState.STOP);
        } catch (VfioException | DisconnectedException e) {
            // It has stopped all the same, or is gone.
        }
        return new Report(
                earlyBytes,
                lateBytes,
                Duration.ofNanos(stopping - began),
                Duration.ofNanos(running - stopping));
    }

    /** Gives it up: the first device runs on, the second is reset. Idempotent. */
    public void cancel() {
        if (over) {
            return;
        }
        over = true;
        abandon();
    }

    private void requireGoing() {
        if (over) {
            throw new IllegalStateException("the migration is over");
        }
    }

    /** Copies to the end of what there is now. */
    private long copy() {
        long copied = 0;
        while (true) {
            int n;
            try {
                n = source.read(piece, 0, PIECE);
            } catch (VfioException | DisconnectedException e) {
                throw failed("the source gives no data", e);
            }
            if (n > 0) {
                try {
                    target.write(piece, 0, n);
                } catch (VfioException | DisconnectedException e) {
                    throw failed("the target refuses what came", e);
                }
            }
            copied += n;
            if (n == 0) {
                return copied;
            }
        }
    }

    private MigrationException failed(String what, RuntimeException why) {
        over = true;
        return new MigrationException(
                "%s: %s; %s".formatted(what, why.getMessage(), abandon()), why);
    }

    /** Returns what the source does now, for people. */
    private String abandon() {
        try {
            targetDevice.reset();
        } catch (VfioException | DisconnectedException e) {
            // A target that is gone, or cannot be reset, has no client that would use it.
        }
        try {
            source.moveTo(MigrationState.RUNNING);
            return "the source runs on";
        } catch (VfioException e) {
            return "the source does not run on: " + e.getMessage();
        } catch (DisconnectedException e) {
            return "the source is gone, too";
        }
    }
}
