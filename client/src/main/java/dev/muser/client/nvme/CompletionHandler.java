package dev.muser.client.nvme;

/** What a driver does with completed commands. One object, used again and again. */
@FunctionalInterface
public interface CompletionHandler {
    /** Hot. {@code completion} is good until this returns. It may add commands to the queue. */
    void completed(Completion completion);
}
