package dev.muser.devices.storage;

import static org.assertj.core.api.Assertions.assertThat;

import dev.muser.linux.Errno;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/** A request whose client memory is an array. */
public final class FakeRequest extends StorageRequest {
    private final byte[] data;
    private final MemorySegment segment;
    private final List<Integer> completions = new ArrayList<>();
    private boolean gone;
    private Runnable whenDone = () -> {};

    private FakeRequest(byte[] data) {
        this.data = data;
        segment = MemorySegment.ofArray(data);
    }

    private FakeRequest as(StorageOperation operation, long offset, long length) {
        return as(operation, offset, length, false, false);
    }

    private FakeRequest as(
            StorageOperation operation, long offset, long length, boolean fua, boolean deallocate) {
        prepare(operation, offset, length, fua, deallocate);
        return this;
    }

    public static FakeRequest read(long offset, int length) {
        return new FakeRequest(new byte[length]).as(StorageOperation.READ, offset, length);
    }

    public static FakeRequest write(long offset, byte... data) {
        return new FakeRequest(data).as(StorageOperation.WRITE, offset, data.length);
    }

    public static FakeRequest writeThrough(long offset, byte... data) {
        return new FakeRequest(data).as(StorageOperation.WRITE, offset, data.length, true, false);
    }

    public static FakeRequest flush() {
        return new FakeRequest(new byte[0]).as(StorageOperation.FLUSH, 0, 0);
    }

    public static FakeRequest discard(long offset, long length) {
        return new FakeRequest(new byte[0]).as(StorageOperation.DISCARD, offset, length);
    }

    public static FakeRequest zero(long offset, long length, boolean mayDeallocate) {
        return new FakeRequest(new byte[0])
                .as(StorageOperation.ZERO, offset, length, false, mayDeallocate);
    }

    /** Prepares it anew, to be submitted once more. */
    public FakeRequest again() {
        prepare(operation(), offset(), length(), forceUnitAccess(), mayDeallocate());
        completions.clear();
        return this;
    }

    /** Says what is to be done when it is completed. */
    public FakeRequest whenDone(Runnable action) {
        whenDone = action;
        return this;
    }

    /** Nobody waits for it any more: its memory is not the client's now. */
    public void forget() {
        gone = true;
    }

    public byte[] data() {
        return data;
    }

    public boolean isDone() {
        return !completions.isEmpty();
    }

    /** Returns the errno it was completed with, once. */
    public int errno() {
        assertThat(completions).as("completions").hasSize(1);
        return completions.getFirst();
    }

    @Override
    public int put(long at, MemorySegment from, long position, long count) {
        if (gone) {
            return Errno.ECANCELED;
        }
        MemorySegment.copy(from, position, segment, at, count);
        return 0;
    }

    @Override
    public int get(long at, MemorySegment into, long position, long count) {
        if (gone) {
            return Errno.ECANCELED;
        }
        MemorySegment.copy(segment, at, into, position, count);
        return 0;
    }

    @Override
    public int pieces() {
        throw new UnsupportedOperationException("no addresses");
    }

    @Override
    public long pieceAddress(int index) {
        throw new UnsupportedOperationException("no addresses");
    }

    @Override
    public long pieceLength(int index) {
        throw new UnsupportedOperationException("no addresses");
    }

    @Override
    public void complete(int errno) {
        completions.add(errno);
        whenDone.run();
    }

    @Override
    public void completeLater(int errno) {
        throw new UnsupportedOperationException("not used by these engines");
    }

    @Override
    public void completeLater(int errno, MemorySegment bytes) {
        throw new UnsupportedOperationException("not used by these engines");
    }
}
