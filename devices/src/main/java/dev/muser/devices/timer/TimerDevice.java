package dev.muser.devices.timer;

import dev.muser.device.DmaAccess;
import dev.muser.device.EventLoop;
import dev.muser.device.ResetKind;
import dev.muser.device.pci.BackedMemory;
import dev.muser.device.pci.Device;
import dev.muser.device.pci.DeviceContext;
import dev.muser.device.pci.Interrupt;
import dev.muser.device.pci.StateField;
import dev.muser.device.pci.Width;
import java.lang.System.Logger.Level;
import java.time.InstantSource;
import java.util.function.Consumer;

/**
 * A timer by the wall clock that raises INTx and does DMA in two ways when it expires. The sample
 * client of libvfio-user drives such a device; what it has is fixed, byte by byte.
 *
 * <p>The line is asserted from the time at which it expires until it is armed again.
 */
public final class TimerDevice implements Device {
    private static final System.Logger LOG = System.getLogger(TimerDevice.class.getName());

    private static final int PAGE = 0x1000;

    /** As many as there can be at a time. */
    static final int REGIONS = 96;

    /** The clock may be set meanwhile. */
    private static final long LONGEST_SLEEP_SECONDS = 3600;

    private static final long NANOS = 1_000_000_000;

    private final InstantSource clock;
    private final Interrupt interrupt;
    private final BackedMemory memory;
    private final EventLoop.Timer alarm;
    private final Regions regions;
    private final Transfers transfers;

    /** When it expires, in seconds since the epoch, signed. */
    private final StateField time;

    private final StateField armed;

    /** Whether a migration has stopped it: then it does not expire. */
    private final StateField stopped;

    public TimerDevice(DeviceContext ctx) {
        this(ctx, InstantSource.system());
    }

    /**
     * @param clock tells what time it is
     */
    public TimerDevice(DeviceContext ctx, InstantSource clock) {
        this(ctx, clock, what -> LOG.log(Level.WARNING, "timer: {0}", what));
    }

    /**
     * @param clock tells what time it is
     * @param complaints is told, once, of DMA that failed or brought something else than was
     *     written
     */
    public TimerDevice(DeviceContext ctx, InstantSource clock, Consumer<String> complaints) {
        this.clock = clock;
        ctx.identity(0xdead, 0xbeef).subsystem(0xcafe, 0xbabe);
        ctx.dmaLimits(REGIONS, 8L << 40);
        interrupt = ctx.intx();
        ctx.intxSignalsAlways();
        ctx.errorSignal();
        ctx.requestSignal();
        ctx.bar(0, 8)
                .io()
                .register("TIME", 0, Width.U64)
                .access(Width.U64)
                .computed(this::elapsed, this::arm);
        memory =
                ctx.bar(1, 3 * PAGE)
                        .allowAnySize()
                        .fileOffset(0)
                        .backed(0, 3 * PAGE)
                        .mappable(0, PAGE)
                        .mappable(2 * PAGE, PAGE);
        ctx.migration(new TimerStream(this, ctx.state()));
        time = ctx.state().field("timer.time", Width.U64);
        armed = ctx.state().field("timer.armed", Width.U8);
        stopped = ctx.state().field("timer.stopped", Width.U8);
        regions = new Regions(ctx.state(), REGIONS);
        transfers = new Transfers(ctx.memory(), ctx.state(), this::schedule, complaints);
        alarm = ctx.loop().timer(this::alarmed);
    }

    /** Returns how many seconds ago it expired; below 0 when it has not. */
    private long elapsed() {
        return clock.instant().getEpochSecond() - time.get();
    }

    private void arm(long at) {
        interrupt.lower();
        time.set(at);
        armed.set(1);
        schedule();
    }

    /** Sets the alarm, if there is something to wait for. */
    private void schedule() {
        if (armed.get() == 0 || stopped.get() != 0 || transfers.isBusy()) {
            alarm.disarm();
            return;
        }
        var now = clock.instant();
        long at = time.get();
        if (at <= now.getEpochSecond()) {
            alarm.arm(0);
            return;
        }
        long seconds = Math.min(at - now.getEpochSecond(), LONGEST_SLEEP_SECONDS);
        alarm.arm(seconds * NANOS - now.getNano());
    }

    private void alarmed() {
        if (armed.get() == 0 || stopped.get() != 0 || transfers.isBusy()) {
            return;
        }
        if (time.get() > clock.instant().getEpochSecond()) {
            schedule(); // it was too long to sleep at once, or the clock was set
            return;
        }
        armed.set(0);
        interrupt.post();
        if (regions.count() >= 2) {
            transfers.fill(regions.iova(1));
        }
        if (regions.count() >= 1) {
            transfers.begin(regions.iova(0));
        }
    }

    /** A migration stops it, or lets it run again. */
    void stop(boolean stop) {
        stopped.set(stop ? 1 : 0);
        if (stop) {
            transfers.pause();
        } else {
            transfers.resume();
        }
        schedule();
    }

    /** Returns what is in BAR1. */
    BackedMemory memory() {
        return memory;
    }

    long time() {
        return time.get();
    }

    /** The time has come from elsewhere; it expires, unless it was never armed there. */
    void takeTime(long at) {
        time.set(at);
    }

    /** All has come from elsewhere. */
    void taken() {
        armed.set(time.get() == 0 ? 0 : 1);
    }

    @Override
    public void restored() {
        regions.restored();
        if (stopped.get() == 0) {
            transfers.resume();
        }
        schedule();
    }

    @Override
    public void reset(ResetKind kind) {
        time.set(0);
        armed.set(0);
        stopped.set(0);
        transfers.cancel();
        alarm.disarm();
        if (kind == ResetKind.LOST_CLIENT) {
            regions.clear();
        }
    }

    @Override
    public void dmaMapped(long iova, long size, DmaAccess access) {
        regions.add(iova);
    }

    @Override
    public void dmaUnmapped(long iova, long size) {
        regions.remove(iova);
    }

    @Override
    public void close() {
        alarm.close();
    }
}
