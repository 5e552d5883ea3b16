package dev.muser.conform;

import java.util.HexFormat;

/** Bytes for people: {@code 0100 0400 2000 0000}; of long ones the beginning. */
final class Hex {
    private static final int SHOWN = 96;

    private Hex() {}

    static String of(byte[] bytes) {
        var text = new StringBuilder();
        for (int i = 0; i < Math.min(bytes.length, SHOWN); i += 2) {
            text.append(i == 0 ? "" : " ")
                    .append(HexFormat.of().formatHex(bytes, i, Math.min(i + 2, bytes.length)));
        }
        return bytes.length <= SHOWN
                ? text.toString()
                : text + " ... (%d bytes)".formatted(bytes.length);
    }
}
