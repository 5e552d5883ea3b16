package dev.muser.devices.nvme;

import java.util.Arrays;

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

    private int arbitration = DEFAULT_ARBITRATION;
    private int power;
    private int coalescing;
    private int atomicity;
    private boolean writeCache = true;
    private int submissionQueues;
    private int completionQueues;

    /** Vectors whose interrupts are not coalesced. */
    private final boolean[] immediate = new boolean[NvmeOptions.MOST_VECTORS];

    Features(
            Controller controller,
            Processor processor,
            AdminCommands admin,
            Namespaces namespaces,
            Temperature temperature,
            KeepAlive keepAlive,
            NvmeOptions options) {
        this.controller = controller;
        this.processor = processor;
        this.admin = admin;
        this.namespaces = namespaces;
        this.temperature = temperature;
        this.keepAlive = keepAlive;
        data = new DataFeatures(admin);
        flush = new FlushAll(controller, admin, processor, namespaces);
        ofNamespaces = new NamespaceFeatures(admin, namespaces, flush);
        most = options.queues();
        submissionQueues = most;
        completionQueues = most;
    }

    /** The highest identifier of a submission queue that the driver may create. */
    int submissionQueuesAllowed() {
        return submissionQueues;
    }

    int completionQueuesAllowed() {
        return completionQueues;
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
            case FeatureId.ARBITRATION -> arbitration;
            case FeatureId.POWER_MANAGEMENT -> power;
            case FeatureId.TEMPERATURE_THRESHOLD -> temperature.get(c.cdw11);
            case FeatureId.VOLATILE_WRITE_CACHE -> writeCache ? 1 : 0;
            case FeatureId.NUMBER_OF_QUEUES -> queueCounts(submissionQueues, completionQueues);
            case FeatureId.INTERRUPT_COALESCING -> coalescing;
            case FeatureId.INTERRUPT_VECTOR -> vector | (immediate[vector] ? COALESCING_OFF : 0);
            case FeatureId.WRITE_ATOMICITY -> atomicity;
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
                arbitration = value & 0xffff_ff07;
                processor.arbiter().configure(value);
            }
            case FeatureId.POWER_MANAGEMENT -> {
                if ((value & 0x1f) != 0) {
                    return Status.INVALID_FIELD; // there is one power state
                }
                power = value & WORKLOAD;
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
                coalescing = value & 0xffff;
                controller.signals().coalesce(coalescing);
            }
            case FeatureId.INTERRUPT_VECTOR -> {
                if (!isVector(value)) {
                    return Status.INVALID_FIELD;
                }
                immediate[value & 0xffff] = (value & COALESCING_OFF) != 0;
                controller.signals().immediate(value & 0xffff, (value & COALESCING_OFF) != 0);
            }
            case FeatureId.WRITE_ATOMICITY -> atomicity = value & 1;
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
        submissionQueues = Math.min(submissions + 1, most);
        completionQueues = Math.min(completions + 1, most);
        c.result = queueCounts(submissionQueues, completionQueues);
        return Status.SUCCESS;
    }

    private static int queueCounts(int submissions, int completions) {
        return (submissions - 1) | (completions - 1) << 16;
    }

    /** What is in a cache becomes durable when it is turned off (5.21.1.6). */
    private void setWriteCache(Command c) {
        writeCache = (c.cdw11 & 1) != 0;
        processor.writeCache(writeCache);
        if (writeCache) {
            admin.finish(c, Status.SUCCESS);
        } else {
            flush.begin(c);
        }
    }

    /** The controller is reset. */
    void reset() {
        arbitration = DEFAULT_ARBITRATION;
        power = 0;
        coalescing = 0;
        atomicity = 0;
        writeCache = true;
        processor.writeCache(true);
        submissionQueues = most;
        completionQueues = most;
        Arrays.fill(immediate, false);
        temperature.reset();
        data.reset();
        ofNamespaces.reset();
    }
}
