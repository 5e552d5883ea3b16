package dev.muser.devices.nvme;

/** What is to be done with a command when something it waited for is over. */
@FunctionalInterface
interface Continuation {
    /**
     * Hot.
     *
     * @param errno 0, or what went wrong
     */
    void run(Command command, int errno);
}
