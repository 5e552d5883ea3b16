package dev.muser.devices.nvme;

import dev.muser.device.pci.Bar;
import dev.muser.device.pci.Register;
import dev.muser.device.pci.RegisterField;
import dev.muser.device.pci.RegisterMode;
import dev.muser.device.pci.Width;

/**
 * The controller's registers (NVMe base 1.4, 3.1).
 *
 * <pre>
 *  00  u64  CAP     controller capabilities     08  u32  VS     version
 *  0c  u32  INTMS   interrupt mask set          10  u32  INTMC  interrupt mask clear
 *  14  u32  CC      controller configuration    1c  u32  CSTS   controller status
 *  20  u32  NSSR    subsystem reset             24  u32  AQA    admin queue sizes
 *  28  u64  ASQ     admin submission queue      30  u64  ACQ    admin completion queue
 * </pre>
 */
final class Registers {
    static final int VERSION = 0x0001_0400;

    // entry sizes as powers of two (CC.IOSQES, CC.IOCQES)
    private static final int SUBMISSION_ENTRY = 6;
    private static final int COMPLETION_ENTRY = 4;

    /** "NVMe", which resets the subsystem (3.1.7). */
    private static final long RESET_WORD = 0x4e56_4d65L;

    // CAP (3.1.1)
    private static final long CONTIGUOUS_QUEUES = 1L << 16;
    private static final long WEIGHTED_ARBITRATION = 1L << 17;
    private static final long TIMEOUT = 30L << 24; // 15 s, in units of 500 ms
    private static final long SUBSYSTEM_RESET = 1L << 36;
    private static final long NVM_COMMANDS = 1L << 37;
    private static final long MAX_PAGE = 4L << 52; // 2^(12 + 4) bytes

    static final long CAPABILITIES =
            (Controller.MOST_ENTRIES - 1)
                    | CONTIGUOUS_QUEUES
                    | WEIGHTED_ARBITRATION
                    | TIMEOUT
                    | SUBSYSTEM_RESET
                    | NVM_COMMANDS
                    | MAX_PAGE;

    private final Register configuration;
    private final Register status;
    private final RegisterField ready;
    private final RegisterField fatal;
    private final RegisterField shutdown;
    private final RegisterField subsystemReset;
    private final Register queueSizes;
    private final Register submissionQueue;
    private final Register completionQueue;

    /** What registers do. */
    interface Effects {
        void configured(long before, long now);

        void resetSubsystem();

        long mask();

        void mask(int vectors);

        void unmask(int vectors);
    }

    Registers(Bar bar, Effects effects) {
        bar.register("CAP", 0x00, Width.U64).readOnly(() -> CAPABILITIES);
        bar.register("VS", 0x08, Width.U32).readOnly(() -> VERSION);
        bar.register("INTMS", 0x0c, Width.U32)
                .computed(effects::mask, bits -> effects.mask((int) bits));
        bar.register("INTMC", 0x10, Width.U32)
                .computed(effects::mask, bits -> effects.unmask((int) bits));
        configuration =
                bar.register("CC", 0x14, Width.U32)
                        .field("EN", 0, 1)
                        .field("CSS", 4, 3)
                        .field("MPS", 7, 4)
                        .field("AMS", 11, 3)
                        .field("SHN", 14, 2)
                        .field("IOSQES", 16, 4)
                        .field("IOCQES", 20, 4)
                        .writable(0x00ff_fff1)
                        .onWrite(effects::configured)
                        .readWrite();
        status =
                bar.register("CSTS", 0x1c, Width.U32)
                        .field("RDY", 0, 1)
                        .field("CFS", 1, 1)
                        .field("SHST", 2, 2)
                        .field("NSSRO", 4, 1, RegisterMode.WRITE_ONE_TO_CLEAR)
                        .readOnly();
        ready = status.field("RDY");
        fatal = status.field("CFS");
        shutdown = status.field("SHST");
        subsystemReset = status.field("NSSRO");
        bar.register("NSSR", 0x20, Width.U32)
                .computed(
                        () -> 0,
                        word -> {
                            if (word == RESET_WORD) {
                                effects.resetSubsystem();
                            }
                        });
        queueSizes = bar.register("AQA", 0x24, Width.U32).writable(0x0fff_0fff).readWrite();
        submissionQueue = bar.register("ASQ", 0x28, Width.U64).writable(-4096L).readWrite();
        completionQueue = bar.register("ACQ", 0x30, Width.U64).writable(-4096L).readWrite();
    }

    long configuration() {
        return configuration.get();
    }

    /** All that the driver has set, also what a reset by CC.EN leaves alone (7.3.1). */
    void clearConfiguration() {
        configuration.set(0);
        queueSizes.set(0);
        submissionQueue.set(0);
        completionQueue.set(0);
    }

    /** Whether CC.IOSQES is the only size that there is, 64 bytes. */
    boolean knowsSubmissionEntries() {
        return (configuration.get() >>> 16 & 0xf) == SUBMISSION_ENTRY;
    }

    /** Whether CC.IOCQES is the only size that there is, 16 bytes. */
    boolean knowsCompletionEntries() {
        return (configuration.get() >>> 20 & 0xf) == COMPLETION_ENTRY;
    }

    boolean isReady() {
        return ready.get() != 0;
    }

    boolean isFatal() {
        return fatal.get() != 0;
    }

    void setFatal() {
        fatal.set(1);
    }

    /** CSTS after a reset; the sign of a subsystem reset stays. */
    void clearStatus() {
        long reset = subsystemReset.get();
        status.set(0);
        subsystemReset.set(reset);
    }

    void setReady() {
        ready.set(1);
    }

    void setSubsystemReset() {
        subsystemReset.set(1);
    }

    /** Sets CSTS.SHST: 0 normal, 1 occurring, 2 complete. */
    void setShutdown(int state) {
        shutdown.set(state);
    }

    boolean isShutDown() {
        return shutdown.get() == 2;
    }

    int adminSubmissionSize() {
        return (int) (queueSizes.get() & 0xfff) + 1;
    }

    int adminCompletionSize() {
        return (int) (queueSizes.get() >>> 16 & 0xfff) + 1;
    }

    long adminSubmissionQueue() {
        return submissionQueue.get();
    }

    long adminCompletionQueue() {
        return completionQueue.get();
    }
}
