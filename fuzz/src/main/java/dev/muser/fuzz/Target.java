package dev.muser.fuzz;

/**
 * Something that must bear any bytes: whatever it throws is a finding. What it does depends on the
 * bytes alone, so that an input that was found fails again. Used by one thread.
 */
public interface Target extends AutoCloseable {

    /** Does what the bytes say. */
    void run(Input input);

    @Override
    default void close() {}
}
