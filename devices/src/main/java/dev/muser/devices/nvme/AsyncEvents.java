package dev.muser.devices.nvme;

import dev.muser.device.pci.DeviceState;
import dev.muser.device.pci.StateField;
import dev.muser.device.pci.Width;
import java.util.ArrayDeque;

/**
 * Asynchronous events (NVMe base 1.4, 5.2): requests of the driver that wait for something to
 * happen, and what has happened while there was none.
 *
 * <p>Once an event of a type has been reported, others of the type wait until the driver has read
 * the log page that tells of them. Events that are alike are one.
 */
final class AsyncEvents {
    // types
    static final int ERROR = 0;
    static final int HEALTH = 1;
    static final int NOTICE = 2;

    private static final int INVALID_DOORBELL = event(ERROR, 0, LogPages.ERRORS);
    private static final int INVALID_DOORBELL_VALUE = event(ERROR, 1, LogPages.ERRORS);
    private static final int TEMPERATURE = event(HEALTH, 1, LogPages.SMART);
    private static final int NAMESPACE_CHANGED = event(NOTICE, 0, LogPages.CHANGED_NAMESPACES);

    // configuration (5.21.1.11)
    private static final int HEALTH_TEMPERATURE = SmartLog.TEMPERATURE;
    private static final int NAMESPACE_NOTICES = 1 << 8;
    static final int CONFIGURABLE = 0xff | NAMESPACE_NOTICES;

    private final Processor processor;
    private final ErrorLog errors;
    private final ArrayDeque<Command> requests = new ArrayDeque<>();

    private final PendingEvents pending;

    /** Types of which one has been reported, as bits. */
    private final StateField reported;

    private final StateField configuration;

    AsyncEvents(Processor processor, ErrorLog errors, DeviceState state) {
        this.processor = processor;
        this.errors = errors;
        pending = new PendingEvents(state);
        reported = state.field("nvme.events.reported", Width.U8);
        configuration = state.field("nvme.feature.async_events", Width.U32);
    }

    /** Another process begins; requests come anew, since they are commands in flight. */
    void open() {
        requests.clear();
    }

    private static int event(int type, int information, int page) {
        return type | information << 8 | page << 16;
    }

    void request(Command c) {
        if (requests.size() == IdentifyController.EVENT_REQUESTS) {
            processor.finish(c, Status.AER_LIMIT_EXCEEDED);
            return;
        }
        processor.park(c);
        requests.add(c);
        deliver();
    }

    /** Aborts the request of that command identifier; returns false when there is none. */
    boolean abort(int cid) {
        for (var request : requests) {
            if (request.cid == cid) {
                requests.remove(request);
                processor.finishParked(request, Status.ABORT_REQUESTED);
                return true;
            }
        }
        return false;
    }

    int configuration() {
        return (int) configuration.get();
    }

    void configure(int bits) {
        configuration.set(bits & CONFIGURABLE);
    }

    /** A doorbell was written that belongs to no queue. */
    void invalidDoorbell() {
        errors.record(Status.INVALID_QUEUE_ID);
        raise(INVALID_DOORBELL);
    }

    void invalidDoorbellValue() {
        errors.record(Status.INVALID_FIELD);
        raise(INVALID_DOORBELL_VALUE);
    }

    /** The temperature is beyond a threshold. */
    void temperature() {
        if ((configuration() & HEALTH_TEMPERATURE) != 0) {
            raise(TEMPERATURE);
        }
    }

    /** A namespace has come, gone, or become another. */
    void namespaceChanged() {
        if ((configuration() & NAMESPACE_NOTICES) != 0) {
            raise(NAMESPACE_CHANGED);
        }
    }

    private void raise(int event) {
        if (pending.add(event)) {
            deliver();
        }
    }

    /** The driver has read the log page of that type: it knows of all that was. */
    void seen(int type) {
        reported.set(reported.get() & ~(1L << type));
        pending.removeType(type);
    }

    private void deliver() {
        for (int i = 0; i < pending.size() && !requests.isEmpty(); ) {
            int event = pending.get(i);
            int type = 1 << (event & 7);
            if ((reported.get() & type) != 0) {
                i++;
            } else {
                pending.remove(i);
                reported.set(reported.get() | type);
                var request = requests.remove();
                request.result = event;
                processor.finishParked(request, Status.SUCCESS);
            }
        }
    }

    /** The controller is reset. */
    void reset() {
        requests.clear();
        pending.clear();
        reported.set(0);
        configuration.set(0);
    }
}
