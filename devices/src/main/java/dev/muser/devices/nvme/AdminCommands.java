package dev.muser.devices.nvme;

import dev.muser.device.DmaAccess;
import dev.muser.device.pci.DeviceState;
import dev.muser.device.pci.GuestMemory;
import java.lang.foreign.MemorySegment;
import java.util.Objects;

/** The admin command set (NVMe base 1.4, 5): which command is whose. */
final class AdminCommands {
    private final Controller controller;
    private final Processor processor;
    private final DataPointer pointers;

    /** Apart from those of I/O, which may be lent for long. */
    private final BufferPool buffers = new BufferPool(Processor.MOST_DATA, 4);

    private final QueueCommands queueCommands;
    private final Identify identify;
    private final LogPages logPages;
    private final Features features;
    private final AsyncEvents events;
    private final ErrorLog errors;
    private final SmartLog smart;
    private final NamespaceCommands namespaceCommands;
    private final FormatCommand format;
    private final KeepAlive keepAlive;

    /** What a command does whose data pointer has been followed. */
    private final Continuation respond = this::respondMapped;

    private final Continuation finishResponse =
            (c, errno) -> finish(c, errno == 0 ? Status.SUCCESS : Status.DATA_TRANSFER_ERROR);

    AdminCommands(
            Controller controller,
            Processor processor,
            QueueTable queues,
            Namespaces namespaces,
            GuestMemory memory,
            DeviceState state,
            NvmeOptions options) {
        this.controller = controller;
        this.processor = processor;
        pointers = new DataPointer(memory, this::mapped);
        errors = new ErrorLog(state);
        events = new AsyncEvents(processor, errors, state);
        keepAlive = new KeepAlive(controller, processor.loop(), state);
        var temperature = new Temperature(state);
        features =
                new Features(
                        controller,
                        processor,
                        this,
                        namespaces,
                        temperature,
                        keepAlive,
                        state,
                        options);
        queueCommands = new QueueCommands(controller, processor, queues, features, options);
        identify = new Identify(this, namespaces, options);
        smart = new SmartLog(state, namespaces, errors, temperature);
        logPages = new LogPages(this, events, errors, smart, processor, state);
        namespaceCommands = new NamespaceCommands(this, namespaces);
        format = new FormatCommand(controller, processor, this, namespaces);
    }

    AsyncEvents events() {
        return events;
    }

    ErrorLog errors() {
        return errors;
    }

    Features features() {
        return features;
    }

    SmartLog smart() {
        return smart;
    }

    void pageSize(long bytes) {
        pointers.pageSize(bytes);
    }

    /** Takes a command of the admin queue. */
    void execute(Command c) {
        if (c.fuse != 0 || c.psdt != 0) {
            finish(c, Status.INVALID_FIELD); // admin commands use PRPs: 4.2
            return;
        }
        switch (c.opcode) {
            case Opcode.DELETE_SUBMISSION_QUEUE -> queueCommands.deleteSubmissionQueue(c);
            case Opcode.CREATE_SUBMISSION_QUEUE -> queueCommands.createSubmissionQueue(c);
            case Opcode.DELETE_COMPLETION_QUEUE -> queueCommands.deleteCompletionQueue(c);
            case Opcode.CREATE_COMPLETION_QUEUE -> queueCommands.createCompletionQueue(c);
            case Opcode.DOORBELL_BUFFER_CONFIG -> queueCommands.doorbellBuffer(c);
            case Opcode.IDENTIFY -> identify.execute(c);
            case Opcode.GET_LOG_PAGE -> logPages.execute(c);
            case Opcode.GET_FEATURES -> features.get(c);
            case Opcode.SET_FEATURES -> features.set(c);
            case Opcode.ASYNCHRONOUS_EVENT_REQUEST -> events.request(c);
            case Opcode.ABORT -> abort(c);
            case Opcode.KEEP_ALIVE -> {
                keepAlive.restart();
                finish(c, Status.SUCCESS);
            }
            case Opcode.NAMESPACE_ATTACHMENT -> namespaceCommands.attachment(c);
            case Opcode.NAMESPACE_MANAGEMENT -> namespaceCommands.management(c);
            case Opcode.FORMAT_NVM -> format.execute(c);
            default -> finish(c, Status.INVALID_OPCODE);
        }
    }

    /** Abort (5.1): only what waits for an event can be; all else ends by itself. */
    private void abort(Command c) {
        int queue = c.cdw10 & 0xffff;
        int cid = c.cdw10 >>> 16;
        boolean aborted = queue == 0 && events.abort(cid);
        c.result = aborted ? 0 : 1;
        finish(c, Status.SUCCESS);
    }

    /** A namespace has come, gone, or become another; the driver is told if it uses any. */
    void namespaceChanged(int id) {
        if (controller.registers().isReady()) {
            logPages.changed().add(id);
            events.namespaceChanged();
        }
    }

    /** Completes a command. */
    void finish(Command c, int status) {
        logPages.over(c);
        processor.finish(c, status);
    }

    /**
     * Sends {@code length} bytes to the driver, then completes the command.
     *
     * @param data left alone; zeros follow where it is shorter
     * @param length at most {@link Processor#MOST_DATA}
     */
    void respond(Command c, MemorySegment data, long length) {
        if (length == 0) {
            finish(c, Status.SUCCESS);
            return;
        }
        buffers.lend(
                c,
                (command, errno) -> {
                    var buffer = Objects.requireNonNull(c.buffer);
                    long n = Math.min(length, data.byteSize());
                    MemorySegment.copy(data, 0, buffer, 0, n);
                    buffer.asSlice(n, length - n).fill((byte) 0);
                    c.toDriver = true;
                    c.whenMapped = respond;
                    map(c, length);
                });
    }

    private void respondMapped(Command c, int errno) {
        c.data.copyFrom(c.privateData(), c.transfer(finishResponse));
    }

    /**
     * Fetches {@code length} bytes from the driver to {@link Command#privateData}, then goes on; a
     * command whose data cannot be fetched is completed.
     */
    void receive(Command c, long length, Continuation then) {
        buffers.lend(
                c,
                (command, errno) -> {
                    c.toDriver = false;
                    c.whenMapped =
                            (mapped, none) ->
                                    mapped.data.copyTo(
                                            mapped.privateData(),
                                            mapped.transfer((copied, error) -> {
                                                if (error == 0) {
                                                    then.run(copied, 0);
                                                } else {
                                                    finish(copied, Status.DATA_TRANSFER_ERROR);
                                                }
                                            }));
                    map(c, length);
                });
    }

    private void map(Command c, long length) {
        int status = pointers.map(c, length);
        if (status != DataPointer.PENDING) {
            mapped(c, status);
        }
    }

    private void mapped(Command c, int status) {
        if (status != 0) {
            finish(c, status);
        } else if (c.data.resolve(c.toDriver ? DmaAccess.WRITE : DmaAccess.READ) != 0) {
            finish(c, Status.DATA_TRANSFER_ERROR);
        } else {
            c.whenMapped.run(c, 0);
        }
    }

    /** The controller is switched on. */
    void powerOn() {
        smart.powerOn();
        reset();
    }

    /** A process before this one has left the state. */
    void open() {
        events.open();
        logPages.changed().open();
        features.open();
    }

    /** The controller is reset. */
    void reset() {
        buffers.clear();
        events.reset();
        logPages.changed().clear();
        features.reset();
        keepAlive.stop();
    }

    void close() {
        keepAlive.close();
    }
}
