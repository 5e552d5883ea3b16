package dev.muser.server;

import dev.muser.linux.EventFd;
import dev.muser.linux.Fd;
import dev.muser.linux.FileStatus;

/**
 * What a descriptor stands for, the same for all descriptors of it, in all processes.
 *
 * @param device of the file, and {@code inode}; 0 for an eventfd: they all share one
 * @param event the kernel's number of an eventfd, and 1; 0 for anything else
 * @param mode how it was opened, since one that can only be read does not stand for one that can be
 *     written
 */
record FdIdentity(long device, long inode, long event, int mode) {
    static FdIdentity of(Fd fd) {
        var status = FileStatus.of(fd);
        if (!status.isRegular() && EventFd.is(fd)) { // memory comes page by page with a vIOMMU
            return ofEvent(EventFd.id(fd) + 1L);
        }
        return new FdIdentity(status.device(), status.inode(), 0, fd.accessMode());
    }

    static FdIdentity ofEvent(long event) {
        return new FdIdentity(0, 0, event, 2);
    }

    /** Returns the name that it has in a store of descriptors. */
    String name() {
        return event != 0
                ? KeptDescriptors.PREFIX + "event-" + (event - 1)
                : KeptDescriptors.PREFIX
                        + Long.toHexString(device)
                        + '-'
                        + Long.toHexString(inode)
                        + '-'
                        + mode;
    }
}
