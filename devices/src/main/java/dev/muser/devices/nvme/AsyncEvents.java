package dev.muser.devices.nvme;

/** Asynchronous events. */
final class AsyncEvents {
    private final Processor processor;

    AsyncEvents(Processor processor) {
        this.processor = processor;
    }

    void request(Command c) {
        processor.park(c);
    }

    boolean abort(int cid) {
        return false;
    }

    void invalidDoorbell() {}

    void invalidDoorbellValue() {}

    void reset() {}
}
