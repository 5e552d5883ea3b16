package dev.muser.cli;

import dev.muser.device.pci.DeviceFactory;
import dev.muser.linux.Sandbox;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** What serving devices takes that is one thing for disks and another for all others. */
interface ServedKind {
    /**
     * Looks at what can be told before anything is opened.
     *
     * @throws UserError when there are no such devices
     */
    void check();

    /** Returns what makes such a device without what only one process can have. */
    DeviceFactory toLookAt();

    /**
     * Returns what a process needs that serves them.
     *
     * @param programs an upgrade starts the next process
     */
    Sandbox.Needs needs(boolean programs);

    /** Returns the TCP ports that they connect to; with none, they may connect to all, or none. */
    List<Integer> ports();

    /**
     * Makes and serves them.
     *
     * @param controls by which operators come; null when none do
     * @param user who to become before there are sockets
     * @throws UserError when that is not possible
     */
    void start(
            ServedDevices devices, @Nullable ServedControls controls, @Nullable UserAccount user);
}
