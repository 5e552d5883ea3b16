package dev.muser.server;

import dev.muser.linux.MessageReceiver;
import dev.muser.linux.MessageSender;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/** What the channels of one loop share: they use it within a call and leave nothing in it. */
final class Buffers {
    final MessageReceiver receiver = new MessageReceiver(MessageSender.MAX_DESCRIPTORS);
    final MessageSender sender = new MessageSender();
    private @Nullable MemorySegment scratch;

    /** Hot. Returns memory for bytes that nobody wants. */
    MemorySegment scratch() {
        var s = scratch;
        if (s == null) {
            s = Arena.ofAuto().allocate(64 * 1024, 8);
            scratch = s;
        }
        return s;
    }
}
