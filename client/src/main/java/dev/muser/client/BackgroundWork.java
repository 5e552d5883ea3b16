package dev.muser.client;

import dev.muser.linux.Fd;
import java.util.List;

/**
 * What must go on while a driver waits for an interrupt. The server behind a {@link RemoteDevice}
 * asks for DMA by message; a device in this process may have a loop on this very thread.
 */
public interface BackgroundWork {

    /** Returns what becomes readable when there is something to do; constant during a session. */
    List<Fd> descriptors();

    /**
     * Does what can be done now, without waiting.
     *
     * @return whether to call again at once, instead of waiting for a descriptor
     */
    boolean serve();
}
