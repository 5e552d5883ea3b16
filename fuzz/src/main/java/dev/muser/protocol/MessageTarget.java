package dev.muser.protocol;

import dev.muser.fuzz.Input;
import dev.muser.fuzz.Target;
import java.lang.foreign.MemorySegment;
import java.util.SplittableRandom;

/**
 * Every decoder of every message, both ways, on the same bytes; the first byte says how many
 * descriptors came with it. A payload ends where its segment ends, so a read beyond it throws.
 */
public final class MessageTarget implements Target {
    private static final int LONGEST = 4096;

    private final Getters getters = new Getters();

    @Override
    public void run(Input input) {
        var random = new SplittableRandom(input.u8());
        byte[] bytes = input.take(LONGEST);
        getters.readAll(MemorySegment.ofArray(bytes), bytes.length, random);
    }
}
