package dev.muser.cli;

import dev.muser.devices.NvmeModel;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.List;

/** What to give QEMU so that a virtual machine gets the device. */
final class AttachHint {
    /** Milliseconds; QEMU's own 5,000 are too few for a device that is being restarted. */
    private static final int TIMEOUT = 60_000;

    private AttachHint() {}

    /** Says that devices are served, and what to do next. */
    static void print(PrintWriter out, String device, List<Path> paths) {
        var first = paths.getFirst();
        if (paths.size() == 1) {
            out.printf("ready: %s at %s%n", device, first);
        } else {
            out.printf(
                    "ready: %d of %s at %s to %s%n", paths.size(), device, first, paths.getLast());
        }
        out.printf("QEMU 11.1 or later gets %s by%n", paths.size() == 1 ? "it" : "the first");
        out.println("  " + option(first));
        out.println("and its memory must be shared:");
        out.println("  " + memory());
        if (device.equals(NvmeModel.NAME)) {
            out.printf("'muser inspect %s' shows what the disk is doing.%n", first);
        }
    }

    /**
     * Returns the {@code -device} option, quoted for a POSIX shell. The path is absolute, unless
     * only the relative one is short enough for a socket.
     */
    static String option(Path socket) {
        var absolute = socket.toAbsolutePath();
        var json =
                "{\"driver\":\"vfio-user-pci\",\"socket\":{\"type\":\"unix\",\"path\":\"%s\"},\"x-msg-timeout\":%d}"
                        .formatted(
                                escape((SocketPaths.fits(absolute) ? absolute : socket).toString()),
                                TIMEOUT);
        return "-device '" + json.replace("'", "'\\''") + "'";
    }

    /** Returns the options that give the machine memory which other processes can map. */
    static String memory() {
        return "-object memory-backend-memfd,id=mem,size=1G,share=on -m 1G -machine"
                + " memory-backend=mem";
    }

    private static String escape(String text) {
        var escaped = new StringBuilder();
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if (c == '"' || c == '\\') {
                escaped.append('\\').append(c);
            } else if (c < ' ') {
                escaped.append("\\u%04x".formatted((int) c));
            } else {
                escaped.append(c);
            }
        }
        return escaped.toString();
    }
}
