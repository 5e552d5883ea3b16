package dev.muser.device;

/** Is told, once and on the device's thread, that a transfer is over. */
@FunctionalInterface
public interface DmaCompletion {

    /**
     * @param errno 0 when all bytes were moved; EFAULT when the range is not mapped, EACCES when it
     *     may not be used so, ECONNRESET when the client is gone, else what the client said
     */
    void done(int errno);
}
