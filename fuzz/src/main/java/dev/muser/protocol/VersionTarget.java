package dev.muser.protocol;

import dev.muser.fuzz.Finding;
import dev.muser.fuzz.Input;
import dev.muser.fuzz.Target;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * The VERSION message with its JSON: refused with EINVAL, or understood, and then what is written
 * from it is understood in the same way.
 */
public final class VersionTarget implements Target {
    private static final int LONGEST = 8192;

    private final VersionMessage message = new VersionMessage();

    @Override
    public void run(Input input) {
        byte[] bytes = input.take(LONGEST);
        message.wrap(MemorySegment.ofArray(bytes), 0, bytes.length);
        if (message.validateRequest() != 0) {
            return;
        }
        try {
            var proposed = message.capabilities();
            same(proposed);
            same(Capabilities.DEFAULTS.answer(proposed));
        } catch (ProtocolException e) {
            if (e.errno() != Wire.EINVAL) {
                throw new Finding("refused with errno " + e.errno());
            }
        }
    }

    private void same(Capabilities capabilities) throws ProtocolException {
        byte[] text = capabilities.encode();
        try (var arena = Arena.ofConfined()) {
            var memory = arena.allocate(LONGEST);
            int length = VersionMessage.encode(memory, 0, 0, 2, text);
            message.wrap(memory, 0, length);
            if (message.validateRequest() != 0 || !message.capabilities().equals(capabilities)) {
                throw new Finding("%s is not what comes back".formatted(capabilities));
            }
        }
    }
}
