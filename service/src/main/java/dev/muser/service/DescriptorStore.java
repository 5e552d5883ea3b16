package dev.muser.service;

import dev.muser.linux.Fd;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * File descriptors that outlive the process, by name: what one process puts there, the next one
 * finds ({@code sd_pid_notify_with_fds(3)}, {@code FDSTORE=1}).
 *
 * <p>A name is 1 to 254 printable ASCII characters without ':'. Short ones are better: all names
 * together have some 128 KB. What {@link #put} or {@link #remove} has returned from happens, in
 * this order, also when the process dies at once.
 *
 * <p>systemd keeps one entry for one open file description, whatever its name: put the same one
 * under one name only.
 *
 * <p>Any thread may call these methods.
 */
public interface DescriptorStore {

    /** Keeps nothing: for a process that nobody restarts. */
    DescriptorStore NONE =
            new DescriptorStore() {
                @Override
                public boolean isKept() {
                    return false;
                }

                @Override
                public Set<String> names() {
                    return Set.of();
                }

                @Override
                public @Nullable Fd get(String name) {
                    return null;
                }

                @Override
                public void put(String name, Fd fd) {}

                @Override
                public void remove(String name) {}
            };

    /** Whether somebody keeps what is put here. */
    default boolean isKept() {
        return true;
    }

    /** Returns the names of what is here now. */
    Set<String> names();

    /** Returns how many more it takes, about; of a part, what the whole does. */
    default int room() {
        return Integer.MAX_VALUE;
    }

    /**
     * Returns a duplicate of what is here under {@code name}, the caller's to close; null when
     * there is nothing.
     */
    @Nullable Fd get(String name);

    /**
     * Keeps a duplicate of {@code fd}, which stays the caller's, instead of what was here under
     * {@code name}.
     *
     * @throws dev.muser.linux.SyscallException ENOSPC when the keeper keeps no more, EAGAIN when it
     *     takes no message; EMFILE when this process has no descriptor left
     * @throws IllegalArgumentException when the name is not valid
     */
    void put(String name, Fd fd);

    /** Forgets what is here under {@code name}, if anything is. */
    void remove(String name);

    /** Returns the part of this store whose names begin with {@code prefix}, which is left out. */
    default DescriptorStore under(String prefix) {
        return new StorePart(this, prefix);
    }
}
