package dev.muser.devices.storage.nbd;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;

/** What a server says, made fit for a line of a log. */
final class NbdText {
    private static final int MAX = 200;

    private NbdText() {}

    static String printable(ByteBuffer message) {
        var text = StandardCharsets.UTF_8.decode(message);
        var line = new StringBuilder();
        for (int i = 0; i < Math.min(text.length(), MAX); i++) {
            char c = text.charAt(i);
            line.append(Character.isISOControl(c) || Character.isSurrogate(c) ? '?' : c);
        }
        return text.length() > MAX ? line.append("...").toString() : line.toString();
    }
}
