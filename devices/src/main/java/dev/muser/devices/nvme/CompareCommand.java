package dev.muser.devices.nvme;

import dev.muser.linux.Errno;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Objects;

/** Compare (NVMe base 1.4, 6.6): what is stored, read privately, against what the driver has. */
final class CompareCommand {
    private static final int PART = 4096;

    private final NvmCommands commands;
    private final BufferPool buffers;
    private final MemorySegment part = Arena.ofAuto().allocate(PART, 8);
    private final Continuation readStored = this::readStored;
    private final Continuation compareShared = this::compareShared;

    CompareCommand(NvmCommands commands, BufferPool buffers) {
        this.commands = commands;
        this.buffers = buffers;
    }

    void go(Command c) {
        buffers.lend(c, readStored);
    }

    private void readStored(Command c, int errno) {
        commands.read(c, compareShared);
    }

    private void compareShared(Command c, int errno) {
        if (errno != 0) {
            commands.end(c, Status.ofErrno(errno, false));
            return;
        }
        c.namespace().countRead(c.dataLength); // it is a read for the SMART log: 5.14.1.2
        if (c.data.isShared()) {
            commands.end(c, compare(c));
        } else {
            var theirs = Arena.ofAuto().allocate(c.dataLength, 8);
            c.data.copyTo(theirs, c.transfer((command, e) -> compareCopied(command, theirs, e)));
        }
    }

    private void compareCopied(Command c, MemorySegment theirs, int errno) {
        boolean same = errno == 0 && theirs.mismatch(c.privateData()) < 0;
        commands.end(
                c,
                errno != 0
                        ? Status.DATA_TRANSFER_ERROR
                        : same ? Status.SUCCESS : Status.COMPARE_FAILURE);
    }

    private int compare(Command c) {
        var stored = Objects.requireNonNull(c.buffer);
        for (long at = 0; at < c.dataLength; at += PART) {
            long n = Math.min(PART, c.dataLength - at);
            int error = c.data.readNow(at, part, 0, n);
            if (error != 0) {
                return Status.ofErrno(Errno.EFAULT, false);
            }
            if (MemorySegment.mismatch(part, 0, n, stored, at, at + n) >= 0) {
                return Status.COMPARE_FAILURE;
            }
        }
        return Status.SUCCESS;
    }
}
