package dev.muser.client;

import dev.muser.device.VfioException;
import dev.muser.linux.Errno;
import dev.muser.protocol.Command;
import dev.muser.protocol.Header;
import dev.muser.protocol.RegionWriteMulti;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * Small writes to registers that go to the server together, in order: in one message where that was
 * agreed ({@link Limits#writeMultiple}), else one by one. Reused after each {@link #send}. Belongs
 * to the device's thread and session; allocates nothing.
 */
public final class WriteBatch {
    private final RemoteDevice device;
    private final Connection connection;
    private final boolean together;
    private final int capacity;
    private final MemorySegment entries;
    private final RegionWriteMulti entry = new RegionWriteMulti();
    private int size;

    WriteBatch(RemoteDevice device, Connection connection, Limits limits, int capacity) {
        int most = (limits.maxTransfer() - RegionWriteMulti.SIZE) / RegionWriteMulti.ENTRY;
        if (capacity < 1 || capacity > most) {
            throw new IllegalArgumentException(
                    "a batch of %d writes; one message has room for 1 to %d"
                            .formatted(capacity, most));
        }
        this.device = device;
        this.connection = connection;
        this.together = limits.writeMultiple();
        this.capacity = capacity;
        entries =
                Arena.ofAuto()
                        .allocate(
                                RegionWriteMulti.SIZE + (long) capacity * RegionWriteMulti.ENTRY,
                                8);
    }

    /** Returns how many writes wait to be sent. */
    public int size() {
        return size;
    }

    public WriteBatch write8(int region, long offset, int value) {
        return add(region, offset, 1, value);
    }

    public WriteBatch write16(int region, long offset, int value) {
        return add(region, offset, 2, value);
    }

    public WriteBatch write32(int region, long offset, int value) {
        return add(region, offset, 4, value);
    }

    public WriteBatch write64(int region, long offset, long value) {
        return add(region, offset, 8, value);
    }

    private WriteBatch add(int region, long offset, int count, long value) {
        if (size == capacity) {
            throw new IllegalStateException("the batch is full: %d writes".formatted(capacity));
        }
        RegionWriteMulti.encodeWrite(entries, 0, size, offset, region, count, value);
        size++;
        return this;
    }

    /**
     * Sends the writes and waits until the server has done them.
     *
     * @throws VfioException when it refuses, EIO when it did only some of them
     */
    public void send() {
        if (size > 0) {
            int writes = take();
            if (!together) {
                sendSingly(writes);
                return;
            }
            int length = encode(writes);
            int replied = connection.call(Command.REGION_WRITE_MULTI, length);
            entry.wrap(connection.reply(), connection.replyAt(), replied);
            if (entry.validateReply(writes) != 0) {
                throw connection.violated(
                        "REGION_WRITE_MULTI reply of %d bytes to %d writes"
                                .formatted(replied, writes));
            }
            if (entry.writes() != writes) {
                throw new VfioException(
                        Errno.EIO,
                        "REGION_WRITE_MULTI of %d writes: the server did %d of them"
                                .formatted(writes, entry.writes()));
            }
        }
    }

    /** Sends the writes and does not wait; a refused one is not noticed. */
    public void post() {
        if (size > 0) {
            int writes = take();
            if (together) {
                connection.post(Command.REGION_WRITE_MULTI, encode(writes));
            } else {
                sendSingly(writes);
            }
        }
    }

    private int take() {
        int writes = size;
        size = 0;
        return writes;
    }

    private int encode(int writes) {
        int length = RegionWriteMulti.SIZE + writes * RegionWriteMulti.ENTRY;
        var request = connection.request(length);
        RegionWriteMulti.encodeRequest(entries, 0, writes);
        MemorySegment.copy(
                entries,
                ValueLayout.JAVA_BYTE,
                0,
                request,
                ValueLayout.JAVA_BYTE,
                Header.SIZE,
                length);
        return length;
    }

    private void sendSingly(int writes) {
        entry.wrap(entries, 0, RegionWriteMulti.SIZE + writes * RegionWriteMulti.ENTRY);
        for (int i = 0; i < writes; i++) {
            device.writeRegion(
                    entry.region(i),
                    entry.regionOffset(i),
                    entries,
                    entry.dataOffset(i),
                    entry.count(i));
        }
    }
}
