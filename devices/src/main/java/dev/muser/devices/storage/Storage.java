package dev.muser.devices.storage;

import dev.muser.device.EventLoop;
import dev.muser.linux.Fd;
import org.jspecify.annotations.Nullable;

/**
 * A storage engine: what is behind one namespace of a disk. Everything is asynchronous, so that one
 * thread serves many disks.
 *
 * <p><b>Threads.</b> {@link #info} can be called at any time by any thread. All other methods are
 * called on the thread of the loop that {@link #start} was given, and must not block on anything
 * slower than {@link #quiesce} says. Requests may be {@linkplain StorageRequest#complete completed}
 * on that thread, at once or later; an engine with threads of its own uses {@link
 * StorageRequest#completeLater} and {@link StorageRequest#completeLater(int,
 * java.lang.foreign.MemorySegment)}.
 *
 * <p><b>Order.</b> Requests under way at the same time may be done in any order, like commands of a
 * disk. Each is completed exactly once.
 *
 * <p><b>Durability.</b> A write whose completion came before a flush began is on stable storage
 * when that flush has completed, and so is a write with {@link StorageRequest#forceUnitAccess} when
 * it has completed itself.
 */
public interface Storage extends AutoCloseable {

    /** Who else may use the bytes, now or after {@link #handOver}. */
    enum Sharing {
        /** Nobody, or others who only read. */
        NOBODY,
        /** Other processes, one at a time: {@link #takeOver} tells when one does. */
        ONE_AT_A_TIME,
        /** Other processes, and nobody tells. */
        UNTOLD
    }

    /** Returns what it is; constant, but for a size that an engine lets grow. */
    StorageInfo info();

    /**
     * Begins service; called once, before the first request.
     *
     * @throws StorageException when it cannot, with a line for the operator
     */
    void start(EventLoop loop);

    /**
     * Hot. Takes a request, whose range lies within {@link StorageInfo#size}. It may wait for
     * {@link #kick}. What it asks for and cannot be had is its errno, not an exception.
     */
    void submit(StorageRequest request);

    /** Hot. No more requests follow for the moment: begin those that were submitted. */
    default void kick() {}

    /**
     * Hot. Looks whether requests are done, and completes them; called while the disk polls. An
     * engine whose requests are completed otherwise need not do anything.
     *
     * @return whether there were any
     */
    default boolean poll() {
        return false;
    }

    /**
     * Whether the disk calls {@link #poll} from now on; it does not before the first call. An
     * engine that is not polled completes requests by itself, woken through the loop. The disk
     * stops by {@code polling(false)} and then calls poll until it says false: what was done before
     * is not told otherwise.
     */
    default void polling(boolean on) {}

    /**
     * The disk is being disabled: requests under way are worth nothing any more, and those that can
     * be ended early complete with ECANCELED, within this call or later. Returns at once; the disk
     * goes on when all have been completed. An engine that is done soon in any case need not do
     * anything.
     */
    default void cancel() {}

    /**
     * The disk is being reset and must answer at once, or client memory is taken away: returns when
     * no memory that the client may have lost will be touched any more, by addresses that were
     * looked up before. It waits for what the system is doing now, about a second at most; when
     * that is over, it tells the operator that memory may still be written, and returns.
     *
     * <p>Requests are not cancelled by this: most may be about other memory, and somebody wants
     * them. What has not begun looks its {@linkplain StorageRequest#pieces pieces} up when it does;
     * it is EFAULT when there are none any more. An engine that moves data by {@link
     * StorageRequest#put} and {@link StorageRequest#get} alone, or by completeLater, need not do
     * anything: those do nothing from then on.
     */
    default void quiesce() {}

    /**
     * Returns how many requests wait here without having begun: they do not begin before something
     * runs on the loop again. A disk that is to stand still, since it is about to be migrated,
     * waits for all others.
     */
    default int waiting() {
        return 0;
    }

    /**
     * Returns memory of this process that has all of the bytes, from its start on, and moves with
     * the disk when that is migrated; null when they are in a place that the far side reaches too,
     * such as a file.
     */
    default @Nullable Fd memory() {
        return null;
    }

    /** Returns who else may use the bytes; constant. */
    default Sharing sharing() {
        return Sharing.NOBODY;
    }

    /**
     * Another process may use the bytes from now on. No request is under way, what was written has
     * been flushed, and none follows before {@link #takeOver}. Idempotent.
     */
    default void handOver() {}

    /**
     * This process alone is to use the bytes. Idempotent; a storage that was opened without a word
     * about a move has them from the start.
     *
     * @throws StorageException when another one does, with a line for the operator
     */
    default void takeOver() {}

    /**
     * The disk is removed for good: what it has put aside for another process is given back too.
     * {@link #close} follows. A disk that is merely closed may be opened by another process, and
     * then has what was there.
     */
    default void forget() {}

    /** Gives everything back. No request is under way, or ever will be. Idempotent. */
    @Override
    void close();
}
