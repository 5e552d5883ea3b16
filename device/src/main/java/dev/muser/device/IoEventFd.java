package dev.muser.device;

import dev.muser.linux.Fd;
import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;

/**
 * An eventfd that stands for a write to a region ({@code GET_REGION_IO_FDS}, type ioeventfd).
 *
 * @param offset of the write, in bytes from the start of the region
 * @param size of the write in bytes; 0 for any
 * @param eventFd what to signal; null when it is not given out
 * @param dataMatch the only value that signals, or none for any
 */
public record IoEventFd(long offset, long size, @Nullable Fd eventFd, OptionalLong dataMatch) {}
