package dev.muser.devices.nvme;

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

    /** All different, so that there are at most as many as there are kinds. */
    private final ArrayDeque<Integer> pending = new ArrayDeque<>();

    /** Types of which one has been reported, as bits. */
    private int reported;

    private int configuration;

    AsyncEvents(Processor processor, ErrorLog errors) {
        this.processor = processor;
        this.errors = errors;
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
        return configuration;
    }

    void configure(int bits) {
        configuration = bits & CONFIGURABLE;
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
        if ((configuration & HEALTH_TEMPERATURE) != 0) {
            raise(TEMPERATURE);
        }
    }

    /** A namespace has come, gone, or become another. */
    void namespaceChanged() {
        if ((configuration & NAMESPACE_NOTICES) != 0) {
            raise(NAMESPACE_CHANGED);
        }
    }

    private void raise(int event) {
        if (!pending.contains(event)) {
            pending.add(event);
            deliver();
        }
    }

    /** The driver has read the log page of that type: it knows of all that was. */
    void seen(int type) {
        reported &= ~(1 << type);
        pending.removeIf(event -> (event & 7) == type);
    }

    private void deliver() {
        for (var events = pending.iterator(); events.hasNext() && !requests.isEmpty(); ) {
            int event = events.next();
            int type = 1 << (event & 7);
            if ((reported & type) == 0) {
                events.remove();
                reported |= type;
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
        reported = 0;
        configuration = 0;
    }
}
