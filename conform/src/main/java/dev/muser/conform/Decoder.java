package dev.muser.conform;

import dev.muser.linux.Errno;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Map;

/** Messages in words, field by field, as far as their bytes go. */
final class Decoder {
    /** Fields in their order: name, {@code :}, bytes, {@code x} for hexadecimal. */
    private static final Map<Integer, String> LAYOUTS =
            Map.ofEntries(
                    Map.entry(Command.VERSION, "major:2 minor:2 *text"),
                    Map.entry(Command.DMA_MAP, "argsz:4 flags:4x offset:8x address:8x size:8x"),
                    Map.entry(Command.DMA_UNMAP, "argsz:4 flags:4x address:8x size:8x"),
                    Map.entry(Command.GET_INFO, "argsz:4 flags:4x regions:4 irqs:4"),
                    Map.entry(
                            Command.GET_REGION_INFO,
                            "argsz:4 flags:4x index:4 cap_offset:4 size:8x offset:8x"),
                    Map.entry(Command.GET_REGION_IO_FDS, "argsz:4 flags:4x index:4 count:4"),
                    Map.entry(Command.GET_IRQ_INFO, "argsz:4 flags:4x index:4 count:4"),
                    Map.entry(Command.SET_IRQS, "argsz:4 flags:4x index:4 start:4 count:4"),
                    Map.entry(Command.REGION_READ, "offset:8x region:4 count:4"),
                    Map.entry(Command.REGION_WRITE, "offset:8x region:4 count:4"),
                    Map.entry(Command.DMA_READ, "address:8x count:8"),
                    Map.entry(Command.DMA_WRITE, "address:8x count:8"),
                    Map.entry(Command.WRITE_MULTI, "wr_cnt:8"),
                    Map.entry(Command.FEATURE, "argsz:4 flags:4x"),
                    Map.entry(Command.MIG_DATA_READ, "argsz:4 size:4"),
                    Map.entry(Command.MIG_DATA_WRITE, "argsz:4 size:4"));

    private Decoder() {}

    /** Describes one message; bytes that are not a header are called so. */
    static String of(byte[] bytes, int fds) {
        if (bytes.length < Message.HEADER) {
            return "%d bytes".formatted(bytes.length) + descriptors(fds);
        }
        var view = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
        int command = Short.toUnsignedInt(view.getShort(2));
        int flags = view.getInt(8);
        int errno = view.getInt(12);
        var text = new StringBuilder(Command.name(command));
        text.append(
                switch (flags) {
                    case 0 -> "";
                    case Command.REPLY -> " reply";
                    case Command.NO_REPLY -> " No_reply";
                    case Command.REPLY | Command.ERROR -> " error " + Errno.name(errno);
                    default -> " flags 0x%x errno %d".formatted(flags, errno);
                });
        text.append(
                " id %d size %d"
                        .formatted(
                                Short.toUnsignedInt(view.getShort(0)),
                                Integer.toUnsignedLong(view.getInt(4))));
        var fields = new ArrayList<String>();
        int at = Message.HEADER;
        for (var field : LAYOUTS.getOrDefault(command, "").split(" ", -1)) {
            int size = size(field);
            if (size == 0 || at + size > bytes.length) {
                break;
            }
            fields.add(field(field, view, at, size));
            at += size;
        }
        if (command == Command.VERSION && at < bytes.length) {
            fields.add(text(bytes, at));
            at = bytes.length;
        }
        if (at < bytes.length) {
            fields.add("%d bytes more".formatted(bytes.length - at));
        }
        return text + (fields.isEmpty() ? "" : ": " + String.join(" ", fields)) + descriptors(fds);
    }

    private static int size(String field) {
        int colon = field.indexOf(':');
        return colon < 0 ? 0 : field.charAt(colon + 1) - '0';
    }

    private static String field(String field, ByteBuffer view, int at, int size) {
        long value =
                switch (size) {
                    case 2 -> Short.toUnsignedInt(view.getShort(at));
                    case 4 -> Integer.toUnsignedLong(view.getInt(at));
                    default -> view.getLong(at);
                };
        var name = field.substring(0, field.indexOf(':'));
        return name
                + (field.endsWith("x")
                        ? " 0x" + Long.toHexString(value)
                        : " " + Long.toUnsignedString(value));
    }

    private static String text(byte[] bytes, int from) {
        int length = Math.min(bytes.length - from, 300);
        var text = new String(bytes, from, length, StandardCharsets.UTF_8).replace("\0", "\\0");
        return text + (from + length < bytes.length ? "..." : "");
    }

    private static String descriptors(int fds) {
        return fds == 0 ? "" : fds == 1 ? ", with a descriptor" : ", with " + fds + " descriptors";
    }
}
