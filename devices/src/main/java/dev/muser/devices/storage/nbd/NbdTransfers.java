package dev.muser.devices.storage.nbd;

import static dev.muser.devices.storage.nbd.NbdProtocol.CMD_FLAG_FUA;
import static dev.muser.devices.storage.nbd.NbdProtocol.CMD_FLAG_NO_HOLE;
import static dev.muser.devices.storage.nbd.NbdProtocol.CMD_FLUSH;
import static dev.muser.devices.storage.nbd.NbdProtocol.CMD_READ;
import static dev.muser.devices.storage.nbd.NbdProtocol.CMD_TRIM;
import static dev.muser.devices.storage.nbd.NbdProtocol.CMD_WRITE;
import static dev.muser.devices.storage.nbd.NbdProtocol.CMD_WRITE_ZEROES;
import static dev.muser.devices.storage.nbd.NbdProtocol.SEND_FLUSH;
import static dev.muser.devices.storage.nbd.NbdProtocol.SEND_FUA;
import static dev.muser.devices.storage.nbd.NbdProtocol.SEND_TRIM;
import static dev.muser.devices.storage.nbd.NbdProtocol.SEND_WRITE_ZEROES;

import dev.muser.device.EventLoop;
import dev.muser.devices.storage.StorageRequest;
import dev.muser.linux.Errno;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Makes commands of requests, as many at a time as there is room for; the rest waits. On the loop's
 * thread.
 */
final class NbdTransfers {
    /** At most so many commands are under way. */
    static final int MAX_COMMANDS = 512;

    /** What one TRIM may span: it carries no data, but must be answered in reasonable time. */
    private static final long MAX_TRIM = 1L << 30;

    /** For so long new requests wait for cancelled ones; then the connection is given up. */
    private static final long CANCELED_NANOSECONDS = Duration.ofSeconds(5).toNanos();

    private static final long MOST_SELDOM_CHECK = Duration.ofSeconds(1).toNanos();
    private static final long MOST_FREQUENT_CHECK = Duration.ofMillis(10).toNanos();

    private final NbdLinks links;
    private final NbdExport export;
    private final long maximumData;
    private final NbdBuffers buffers;
    private final long checkEvery;

    /** With a request. */
    private final List<NbdTransfer> underWay = new ArrayList<>();

    /** Of those, the ones that want to send more. */
    private final ArrayDeque<NbdTransfer> waiting = new ArrayDeque<>();

    private final ArrayDeque<NbdTransfer> freeTransfers = new ArrayDeque<>();
    private final ArrayDeque<NbdCommand> freeCommands = new ArrayDeque<>();
    private final ArrayDeque<NbdCommand> finished = new ArrayDeque<>();
    private final Runnable drain = this::drain;
    private int commandsMade;
    private int commandsUnderWay;

    /** Of cancelled requests: nothing is sent until they are done. */
    private int commandsCanceled;

    private long canceledAt;
    private @Nullable EventLoop loop;
    private EventLoop.@Nullable Timer timer;
    private boolean checking;

    /** Read by the connections' threads. */
    private volatile boolean polled;

    NbdTransfers(NbdLinks links, NbdExport export) {
        this.links = links;
        this.export = export;
        maximumData = Math.min(export.maximumData(), NbdCommand.MAX_DATA & -export.minimumBlock());
        buffers = new NbdBuffers(links.options().bytesUnderWay());
        long shortest =
                Math.min(
                        links.options().reconnectTime().toNanos(),
                        links.options().replyTime().toNanos());
        checkEvery = Math.clamp(shortest / 4, MOST_FREQUENT_CHECK, MOST_SELDOM_CHECK);
    }

    void start(EventLoop newLoop) {
        loop = newLoop;
        timer = newLoop.timer(this::check);
        links.onFinished(this::wake);
    }

    /** On any thread. */
    private void wake() {
        var own = loop;
        if (!polled && own != null) {
            own.execute(drain);
        }
    }

    void polling(boolean on) {
        polled = on;
    }

    boolean poll() {
        if (!links.anyFinished()) {
            return false;
        }
        drain();
        return true;
    }

    void submit(StorageRequest request) {
        var transfer = freeTransfers.poll();
        if (transfer == null) {
            transfer = new NbdTransfer();
        }
        transfer.prepare(request);
        switch (request.operation()) {
            case READ -> transfer.as(CMD_READ, maximumData);
            case WRITE -> write(transfer, request, CMD_WRITE, maximumData);
            case FLUSH -> {
                transfer.as(CMD_FLUSH, 0);
                transfer.flushed = !export.has(SEND_FLUSH);
            }
            case DISCARD -> {
                transfer.as(CMD_TRIM, MAX_TRIM);
                if (!export.has(SEND_TRIM)) {
                    transfer.length = 0;
                }
            }
            case ZERO -> {
                if (export.has(SEND_WRITE_ZEROES)) {
                    write(
                            transfer,
                            request,
                            CMD_WRITE_ZEROES,
                            Math.min(export.maximumData(), MAX_TRIM));
                    transfer.flags |= request.mayDeallocate() ? 0 : CMD_FLAG_NO_HOLE;
                } else {
                    write(transfer, request, CMD_WRITE, maximumData);
                    transfer.zeroes = true;
                }
            }
        }
        transfer.index = underWay.size();
        underWay.add(transfer);
        if (transfer.isDone()) {
            finish(transfer); // nothing to do
            return;
        }
        enqueue(transfer);
        pump();
        if (!checking && timer != null) {
            checking = true;
            timer.arm(checkEvery);
        }
    }

    private void write(NbdTransfer transfer, StorageRequest request, int type, long step) {
        transfer.as(type, step);
        if (request.forceUnitAccess() && export.has(SEND_FUA)) {
            transfer.flags = CMD_FLAG_FUA;
        } else if (request.forceUnitAccess() && export.has(SEND_FLUSH)) {
            transfer.flushed = false; // a flush behind it does the same
        }
    }

    private void enqueue(NbdTransfer transfer) {
        if (!transfer.queued && transfer.wantsMore()) {
            transfer.queued = true;
            waiting.add(transfer);
        }
    }

    /** Sends commands of those that wait, one each by turns, while there is room. */
    private void pump() {
        while (commandsCanceled == 0 && !waiting.isEmpty()) {
            var transfer = waiting.element();
            if (transfer.wantsMore() && !sendNext(transfer)) {
                return; // no room
            }
            waiting.remove();
            transfer.queued = false;
            enqueue(transfer);
            if (transfer.isDone()) {
                finish(transfer); // its data could not be had
            }
        }
    }

    /** Returns false when there is no room for another command. */
    private boolean sendNext(NbdTransfer transfer) {
        var command = freeCommands.poll();
        if (command == null) {
            if (commandsMade == MAX_COMMANDS) {
                return false;
            }
            command = new NbdCommand(commandsMade++);
        }
        if (transfer.asked == transfer.length) {
            transfer.flushed = true;
            command.prepare(transfer, CMD_FLUSH, 0, 0, 0);
        } else {
            long at = transfer.asked;
            long count = Math.min(transfer.step, transfer.length - at);
            if (transfer.hasData()) {
                command.buffer = buffers.take((int) count);
                if (command.buffer == null) {
                    freeCommands.push(command);
                    return false;
                }
                transfer.errno = fill(transfer, at, command.buffer, count);
                if (transfer.errno != 0) {
                    free(command);
                    return true;
                }
            }
            transfer.asked += count;
            command.prepare(transfer, transfer.type, transfer.flags, transfer.offset + at, count);
        }
        transfer.commands++;
        commandsUnderWay++;
        links.send(command);
        return true;
    }

    private static int fill(NbdTransfer transfer, long at, NbdBuffer buffer, long count) {
        if (transfer.type != CMD_WRITE) {
            return 0;
        }
        if (transfer.zeroes) {
            buffer.segment().asSlice(0, count).fill((byte) 0);
            return 0;
        }
        return transfer.request == null
                ? Errno.ECANCELED
                : transfer.request.get(at, buffer.segment(), 0, count);
    }

    private void free(NbdCommand command) {
        if (command.buffer != null) {
            buffers.give(command.buffer);
            command.buffer = null;
        }
        command.transfer = null;
        freeCommands.push(command);
    }

    private void drain() {
        links.takeFinished(finished);
        NbdCommand command;
        while ((command = finished.poll()) != null) {
            finished(command);
        }
        pump();
    }

    private void finished(NbdCommand command) {
        var transfer = command.transfer;
        if (transfer == null) {
            throw new IllegalStateException("a command of nobody's is finished");
        }
        var request = transfer.request;
        int errno = command.errno;
        if (errno == 0 && command.isRead() && command.buffer != null && request != null) {
            errno =
                    request.put(
                            command.offset() - transfer.offset,
                            command.buffer.segment(),
                            0,
                            command.length());
        }
        free(command);
        commandsUnderWay--;
        transfer.commands--;
        if (transfer.errno == 0) {
            transfer.errno = errno;
        }
        if (request == null) {
            commandsCanceled--;
            if (transfer.commands == 0) {
                freeTransfers.push(transfer);
            }
        } else if (transfer.isDone()) {
            if (!transfer.queued) { // else pump comes across it
                finish(transfer);
            }
        } else {
            enqueue(transfer);
        }
    }

    private void finish(NbdTransfer transfer) {
        var last = underWay.removeLast();
        if (last != transfer) {
            underWay.set(transfer.index, last);
            last.index = transfer.index;
        }
        var request = transfer.request;
        int errno = transfer.errno;
        transfer.request = null;
        freeTransfers.push(transfer);
        if (request != null) {
            request.complete(errno);
        }
    }

    void cancel() {
        links.cancelAll();
        waiting.clear();
        var canceled = List.copyOf(underWay);
        underWay.clear();
        commandsCanceled = commandsUnderWay;
        canceledAt = System.nanoTime();
        for (var transfer : canceled) {
            var request = transfer.request;
            transfer.request = null;
            transfer.queued = false;
            transfer.errno = Errno.ECANCELED;
            if (transfer.commands == 0) {
                freeTransfers.push(transfer);
            }
            if (request != null) {
                request.complete(Errno.ECANCELED);
            }
        }
        drain();
    }

    /** Looks after what takes too long, for as long as anything is under way. */
    private void check() {
        links.check(commandsCanceled > 0 && System.nanoTime() - canceledAt >= CANCELED_NANOSECONDS);
        drain();
        checking = commandsUnderWay > 0 || !waiting.isEmpty();
        if (checking && timer != null) {
            timer.arm(checkEvery);
        }
    }

    void close() {
        if (timer != null) {
            timer.close();
        }
    }
}
