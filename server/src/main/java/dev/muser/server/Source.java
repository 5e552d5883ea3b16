package dev.muser.server;

/** Something on a loop that has a descriptor to wait for. */
interface Source {
    /** Hot. Called with what {@link dev.muser.linux.Epoll} reports; must not block. */
    void ready(int events);

    /**
     * Hot. Called instead of waiting while the loop spins; returns whether there was work. Only for
     * those registered as polled.
     */
    default boolean poll() {
        return false;
    }
}
