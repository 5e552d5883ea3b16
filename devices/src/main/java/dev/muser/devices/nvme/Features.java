package dev.muser.devices.nvme;

import dev.muser.device.pci.DeviceState;
import dev.muser.device.pci.StateArray;
import dev.muser.device.pci.StateField;
import dev.muser.device.pci.Width;

/**
 * Get Features and Set Features (NVMe base 1.4, 5.13 and 5.21): which feature, may it be, and those
 * of the controller. None can be saved.
 */
final class Features {
    private static final int ALL_NAMESPACES = 0xffff_ffff;
    private static final int SAVE = 1 << 31;

    // SEL of Get Features (figure 190)
    private static final int CURRENT = 0;
    private static final int CAPABILITIES = 3;

    /** Arbitration: no limit to a burst, all weights 1. */
    private static final int DEFAULT_ARBITRATION = 7;

    private static final int WORKLOAD = 7 << 5;
    private static final int COALESCING_OFF = 1 << 16;

    private final Controller controller;
    private final Processor processor;
    private final AdminCommands admin;
    private final Namespaces namespaces;
    private final Temperature temperature;
    private final KeepAlive keepAlive;
    private final DataFeatures data;
    private final NamespaceFeatures ofNamespaces;
    private final FlushAll flush;
    private final int most;

    private final StateField arbitration;
    private final StateField power;
    private final StateField coalescing;
    private final StateField atomicity;
    private final StateField writeCache;
    private final StateField submissionQueues;
    private final StateField completionQueues;

    /** A byte for each vector: 1 when its interrupts are not coalesced. */
    private final StateArray immediate;

    Features(
            Controller controller,
            Processor processor,
            AdminCommands admin,
            Namespaces namespaces,
            Temperature temperature,
            KeepAlive keepAlive,
            DeviceState state,
            NvmeOptions options) {
        this.controller = controller;
        this.processor = processor;
        this.admin = admin;
        this.namespaces = namespaces;
        this.temperature = temperature;
        this.keepAlive = keepAlive;
        data = new DataFeatures(admin, state);
        flush = new FlushAll(controller, admin, processor, namespaces);
        ofNamespaces = new NamespaceFeatures(admin, namespaces, flush);
        most = options.queues();
        arbitration = state.field("nvme.feature.arbitration", Width.U32);
        power = state.field("nvme.feature.power_management", Width.U32);
        coalescing = state.field("nvme.feature.interrupt_coalescing", Width.U32);
        atomicity = state.field("nvme.feature.write_atomicity", Width.U32);
        writeCache = state.field("nvme.feature.write_cache", Width.U8);
        submissionQueues = state.field("nvme.feature.submission_queues", Width.U16);
        completionQueues = state.field("nvme.feature.completion_queues", Width.U16);
        immediate = state.array("nvme.feature.interrupt_vectors", NvmeOptions.MOST_VECTORS);
    }

    /** The state has its values: others learn of them. */
    void open() {
        processor.arbiter().configure((int) arbitration.get());
        processor.writeCache(writeCache.get() != 0);
        controller.signals().coalesce((int) coalescing.get());
        for (int vector = 0; vector < controller.signals().vectorCount(); vector++) {
            controller.signals().immediate(vector, isImmediate(vector));
        }
        keepAlive.restart();
    }

    private boolean isImmediate(int vector) {
        return immediate.get(vector, Width.U8) != 0;
    }

    /** The highest identifier of a submission queue that the driver may create. */
    int submissionQueuesAllowed() {
        return (int) submissionQueues.get();
    }

    int completionQueuesAllowed() {
        return (int) completionQueues.get();
    }

    void get(Command c) {
        int id = c.cdw10 & 0xff;
        int select = c.cdw10 >>> 8 & 7;
        if (!isSupported(id) || select > CAPABILITIES) {
            admin.finish(c, Status.INVALID_FIELD);
            return;
        }
        if (select == CAPABILITIES) {
            c.result = FeatureId.capabilities(id);
            admin.finish(c, Status.SUCCESS);
            return;
        }
        boolean current = select == CURRENT; // nothing is saved: what is saved is the default
        if (FeatureId.isNamespaceSpecific(id)) {
            ofNamespaces.get(c, id, current);
        } else if (DataFeatures.has(id)) {
            data.get(c, id, current);
        } else {
            int status =
                    current || id == FeatureId.TEMPERATURE_THRESHOLD ? checkSelector(c, id) : 0;
            if (status == 0) {
                c.result = current ? current(c, id) : defaultOf(c, id);
            }
            admin.finish(c, status);
        }
    }

    private boolean isSupported(int id) {
        return FeatureId.capabilities(id) != 0
                && (id != FeatureId.VOLATILE_WRITE_CACHE || namespaces.haveVolatileCache());
    }

    /** Dword 11 of Get Features says for which threshold, or vector. */
    private int checkSelector(Command c, int id) {
        boolean right =
                switch (id) {
                    case FeatureId.TEMPERATURE_THRESHOLD -> Temperature.isThreshold(c.cdw11, false);
                    case FeatureId.INTERRUPT_VECTOR -> isVector(c.cdw11);
                    default -> true;
                };
        return right ? Status.SUCCESS : Status.INVALID_FIELD;
    }

    private boolean isVector(int feature) {
        return (feature & 0xffff) < controller.vectorCount();
    }

    private int current(Command c, int id) {
        int vector = c.cdw11 & 0xffff;
        return switch (id) {
            case FeatureId.ARBITRATION -> (int) arbitration.get();
            case FeatureId.POWER_MANAGEMENT -> (int) power.get();
            case FeatureId.TEMPERATURE_THRESHOLD -> temperature.get(c.cdw11);
            case FeatureId.VOLATILE_WRITE_CACHE -> (int) writeCache.get();
            case FeatureId.NUMBER_OF_QUEUES ->
                    queueCounts(submissionQueuesAllowed(), completionQueuesAllowed());
            case FeatureId.INTERRUPT_COALESCING -> (int) coalescing.get();
            case FeatureId.INTERRUPT_VECTOR -> vector | (isImmediate(vector) ? COALESCING_OFF : 0);
            case FeatureId.WRITE_ATOMICITY -> (int) atomicity.get();
            case FeatureId.ASYNC_EVENTS -> admin.events().configuration();
            default -> keepAlive.timeout();
        };
    }

    private int defaultOf(Command c, int id) {
        return switch (id) {
            case FeatureId.ARBITRATION -> DEFAULT_ARBITRATION;
            case FeatureId.TEMPERATURE_THRESHOLD -> Temperature.defaultOf(c.cdw11);
            case FeatureId.VOLATILE_WRITE_CACHE -> 1;
            case FeatureId.NUMBER_OF_QUEUES -> queueCounts(most, most);
            case FeatureId.INTERRUPT_VECTOR -> c.cdw11 & 0xffff;
            default -> 0;
        };
    }

    void set(Command c) {
        int id = c.cdw10 & 0xff;
        int status = checkSet(c, id);
        if (status != 0) {
            admin.finish(c, status);
        } else if (FeatureId.isNamespaceSpecific(id)) {
            ofNamespaces.set(c, id);
        } else if (DataFeatures.has(id)) {
            data.set(c, id);
        } else if (id == FeatureId.VOLATILE_WRITE_CACHE) {
            setWriteCache(c);
        } else {
            admin.finish(c, apply(c, id));
        }
    }

    private int checkSet(Command c, int id) {
        if (!isSupported(id)) {
            return Status.INVALID_FIELD;
        }
        if ((c.cdw10 & SAVE) != 0) {
            return Status.FEATURE_NOT_SAVEABLE;
        }
        if (!FeatureId.isNamespaceSpecific(id) && c.nsid != 0 && c.nsid != ALL_NAMESPACES) {
            return Namespaces.isValid(c.nsid)
                    ? Status.FEATURE_NOT_NAMESPACE_SPECIFIC
                    : Status.INVALID_NAMESPACE;
        }
        return Status.SUCCESS;
    }

    private int apply(Command c, int id) {
        int value = c.cdw11;
        switch (id) {
            case FeatureId.ARBITRATION -> {
                arbitration.set(value & 0xffff_ff07);
                processor.arbiter().configure(value);
            }
            case FeatureId.POWER_MANAGEMENT -> {
                if ((value & 0x1f) != 0) {
                    return Status.INVALID_FIELD; // there is one power state
                }
                power.set(value & WORKLOAD);
            }
            case FeatureId.TEMPERATURE_THRESHOLD -> {
                if (!Temperature.isThreshold(value, true)) {
                    return Status.INVALID_FIELD;
                }
                temperature.set(value);
                warn();
            }
            case FeatureId.NUMBER_OF_QUEUES -> {
                return setQueues(c);
            }
            case FeatureId.INTERRUPT_COALESCING -> {
                coalescing.set(value & 0xffff);
                controller.signals().coalesce(value & 0xffff);
            }
            case FeatureId.INTERRUPT_VECTOR -> {
                if (!isVector(value)) {
                    return Status.INVALID_FIELD;
                }
                boolean off = (value & COALESCING_OFF) != 0;
                immediate.set(value & 0xffff, Width.U8, off ? 1 : 0);
                controller.signals().immediate(value & 0xffff, off);
            }
            case FeatureId.WRITE_ATOMICITY -> atomicity.set(value & 1);
            case FeatureId.ASYNC_EVENTS -> {
                admin.events().configure(value);
                warn();
            }
            default -> keepAlive.timeout(value);
        }
        return Status.SUCCESS;
    }

    private void warn() {
        if (temperature.isBeyond()) {
            admin.events().temperature();
        }
    }

    /** Before there are I/O queues; afterwards it is too late (5.21.1.7). */
    private int setQueues(Command c) {
        int submissions = c.cdw11 & 0xffff;
        int completions = c.cdw11 >>> 16;
        var queues = processor.queues();
        if (submissions == 0xffff || completions == 0xffff) {
            return Status.INVALID_FIELD;
        }
        if (queues.submissionCount() > 1 || queues.completionCount() > 1) {
            return Status.COMMAND_SEQUENCE_ERROR;
        }
        submissionQueues.set(Math.min(submissions + 1, most));
        completionQueues.set(Math.min(completions + 1, most));
        c.result = queueCounts(submissionQueuesAllowed(), completionQueuesAllowed());
        return Status.SUCCESS;
    }

    private static int queueCounts(int submissions, int completions) {
        return (submissions - 1) | (completions - 1) << 16;
    }

    /** What is in a cache becomes durable when it is turned off (5.21.1.6). */
    private void setWriteCache(Command c) {
        boolean on = (c.cdw11 & 1) != 0;
        writeCache.set(on ? 1 : 0);
        processor.writeCache(on);
        if (on) {
            admin.finish(c, Status.SUCCESS);
        } else {
            flush.begin(c);
        }
    }

    /** The controller is reset. */
    void reset() {
        arbitration.set(DEFAULT_ARBITRATION);
        power.set(0);
        coalescing.set(0);
        atomicity.set(0);
        writeCache.set(1);
        processor.writeCache(true);
        submissionQueues.set(most);
        completionQueues.set(most);
        immediate.clear();
        temperature.reset();
        data.reset();
        ofNamespaces.reset();
    }
}
