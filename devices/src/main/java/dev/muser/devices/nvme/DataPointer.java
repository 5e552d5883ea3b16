package dev.muser.devices.nvme;

import dev.muser.device.pci.GuestMemory;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/**
 * Finds the memory that a command's data pointer means: physical region pages (NVMe base 1.4, 4.3)
 * or a scatter gather list (4.4). Lists are copied before they are looked at.
 *
 * <pre>
 * SGL descriptor, 16 bytes:
 *   0  u64  address    8  u32  length    12  3 bytes reserved    15  type (bits 7-4), sub type
 * </pre>
 */
final class DataPointer {
    /** The walk goes on when a list has come by message. */
    static final int PENDING = -1;

    private static final ValueLayout.OfLong LONG =
            ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    // values of PSDT; both others are an SGL, and differ in what the metadata pointer means
    private static final int PAGES = 0;
    private static final int RESERVED = 3;

    private static final int DESCRIPTOR = 16;
    private static final int DATA_BLOCK = 0x0;
    private static final int SEGMENT = 0x2;
    private static final int LAST_SEGMENT = 0x3;

    /** As many lists, one pointing to the next, may describe the data of one command. */
    private static final int MOST_LISTS = 64;

    /** And as many descriptors, in all of them. */
    private static final int MOST_DESCRIPTORS = 1024;

    private final GuestMemory memory;
    private final Continuation mapped;
    private final MemorySegment list = Arena.ofAuto().allocate(4096, 8);
    private long page = 4096;

    /**
     * @param mapped is run when a walk that was {@link #PENDING} is over; with a status, not an
     *     errno
     */
    DataPointer(GuestMemory memory, Continuation mapped) {
        this.memory = memory;
        this.mapped = mapped;
    }

    /** Sets the size of a memory page in bytes: what the driver has chosen. */
    void pageSize(long bytes) {
        page = bytes;
    }

    /**
     * Hot. Puts the memory for {@code length} bytes into the command's list.
     *
     * @return 0, a status, or {@link #PENDING}
     */
    int map(Command command, long length) {
        command.data.clear();
        command.dataLength = length;
        return switch (command.psdt) {
            case PAGES -> mapPages(command, length);
            case RESERVED -> Status.INVALID_FIELD;
            default -> mapSegments(command, length);
        };
    }

    private int mapPages(Command command, long length) {
        long address = command.pointer1;
        if ((address & 3) != 0) {
            return Status.PRP_OFFSET_INVALID;
        }
        long first = Math.min(length, page - (address & (page - 1)));
        command.data.add(address, first);
        long rest = length - first;
        if (rest == 0) {
            return Status.SUCCESS;
        }
        address = command.pointer2;
        if (rest <= page) {
            if ((address & (page - 1)) != 0) {
                return Status.PRP_OFFSET_INVALID;
            }
            command.data.add(address, rest);
            return Status.SUCCESS;
        }
        if ((address & 7) != 0) {
            return Status.PRP_OFFSET_INVALID;
        }
        command.pointer = address;
        command.remaining = rest;
        command.steps = 0;
        return walkPages(command);
    }

    /** Reads lists as long as they are at hand. */
    private int walkPages(Command command) {
        while (command.remaining > 0) {
            long bytes = pageListLength(command);
            int error = read(command, bytes);
            if (error != 0) {
                return error;
            }
            error = takePages(command, list, bytes);
            if (error != 0) {
                return error;
            }
        }
        return Status.SUCCESS;
    }

    /** A list ends with its page; its last entry there points to the next, if more is needed. */
    private long pageListLength(Command command) {
        long entries = (command.remaining + page - 1) / page;
        long room = (page - (command.pointer & (page - 1))) / 8;
        return Math.min(Math.min(entries, room) * 8, list.byteSize());
    }

    private int takePages(Command command, MemorySegment entries, long bytes) {
        boolean toPageEnd = ((command.pointer + bytes) & (page - 1)) == 0;
        for (long at = 0; at < bytes; at += 8) {
            long entry = entries.get(LONG, at);
            boolean chain = toPageEnd && at + 8 == bytes && command.remaining > page;
            if ((entry & (page - 1)) != 0) {
                return Status.PRP_OFFSET_INVALID;
            }
            if (chain) {
                command.pointer = entry;
                return ++command.steps > MOST_LISTS ? Status.PRP_OFFSET_INVALID : 0;
            }
            long n = Math.min(page, command.remaining);
            command.data.add(entry, n);
            command.remaining -= n;
        }
        command.pointer += bytes;
        return 0;
    }

    private int mapSegments(Command command, long length) {
        command.remaining = length;
        command.step = 0;
        command.steps = 0;
        command.descriptors = 0;
        command.lastSegment = false;
        int error = takeDescriptor(command, command.pointer1, command.pointer2, true);
        return error != 0 ? error : walkSegments(command);
    }

    private int walkSegments(Command command) {
        while (command.step != 0) {
            long bytes = Math.min(command.step, list.byteSize());
            int error = read(command, bytes);
            if (error != 0) {
                return error;
            }
            error = takeDescriptors(command, list, bytes);
            if (error != 0) {
                return error;
            }
        }
        return command.remaining == 0 ? Status.SUCCESS : Status.DATA_SGL_LENGTH_INVALID;
    }

    private int takeDescriptors(Command command, MemorySegment segment, long bytes) {
        command.step -= bytes;
        command.pointer += bytes;
        for (long at = 0; at < bytes; at += DESCRIPTOR) {
            boolean last = command.step == 0 && at + DESCRIPTOR == bytes;
            int error =
                    takeDescriptor(command, segment.get(LONG, at), segment.get(LONG, at + 8), last);
            if (error != 0) {
                return error;
            }
        }
        return 0;
    }

    /**
     * @param last whether it is the last of its segment, where alone another segment can follow
     */
    private int takeDescriptor(Command command, long address, long rest, boolean last) {
        int type = (int) (rest >>> 60);
        int subType = (int) (rest >>> 56) & 0xf;
        long length = rest & 0xffff_ffffL;
        if (subType != 0) {
            return Status.SGL_TYPE_INVALID;
        }
        if (++command.descriptors > MOST_DESCRIPTORS) {
            return Status.INVALID_SGL_COUNT;
        }
        return switch (type) {
            case DATA_BLOCK -> takeBlock(command, address, length);
            case SEGMENT, LAST_SEGMENT -> takeSegment(command, address, length, type, last);
            default -> Status.SGL_TYPE_INVALID;
        };
    }

    private static int takeBlock(Command command, long address, long length) {
        if (length > command.remaining) {
            return Status.DATA_SGL_LENGTH_INVALID;
        }
        command.data.add(address, length);
        command.remaining -= length;
        return 0;
    }

    private static int takeSegment(
            Command command, long address, long length, int type, boolean last) {
        if (!last
                || command.lastSegment
                || length == 0
                || length % DESCRIPTOR != 0
                || ++command.steps > MOST_LISTS) {
            return Status.INVALID_SGL_SEGMENT;
        }
        command.lastSegment = type == LAST_SEGMENT;
        command.pointer = address;
        command.step = length;
        return 0;
    }

    /** Returns 0, a status, or {@link #PENDING} when the driver has to be asked. */
    private int read(Command command, long bytes) {
        int error = memory.readNow(command.pointer, list, 0, bytes);
        if (error == GuestMemory.BY_MESSAGE) {
            var copy = Arena.ofAuto().allocate(bytes, 8);
            memory.read(
                    command.pointer,
                    copy,
                    command.transfer((c, errno) -> readByMessage(c, copy, errno)));
            return PENDING;
        }
        return error == 0 ? 0 : Status.DATA_TRANSFER_ERROR;
    }

    private void readByMessage(Command command, MemorySegment copy, int errno) {
        int status = Status.DATA_TRANSFER_ERROR;
        if (errno == 0) {
            if (command.psdt == 0) {
                status = takePages(command, copy, copy.byteSize());
                status = status != 0 ? status : walkPages(command);
            } else {
                status = takeDescriptors(command, copy, copy.byteSize());
                status = status != 0 ? status : walkSegments(command);
            }
        }
        if (status != PENDING) {
            mapped.run(command, status);
        }
    }
}
