package dev.muser.testkit.guest;

import java.io.ByteArrayOutputStream;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * The files of one test, as the cpio archive that is appended to the root file system.
 *
 * <pre>
 * newc header, 110 ASCII characters: "070701", then 13 fields of 8 hexadecimal digits
 *   ino mode uid gid nlink mtime filesize devmajor devminor rdevmajor rdevminor namesize check
 * the name with its NUL, zeroes to a multiple of 4; the content, zeroes to a multiple of 4
 * </pre>
 *
 * Source: the kernel's Documentation/driver-api/early-userspace/buffer-format.rst.
 */
final class GuestFiles {
    private static final int DIRECTORY = 0x41ed; // 040755
    private static final int EXECUTABLE = 0x81ed; // 0100755

    private final Map<String, byte[]> files = new LinkedHashMap<>();

    /** Adds or replaces a file, which is executable. */
    void put(String path, byte[] content) {
        if (!path.startsWith("/") || path.endsWith("/")) {
            throw new IllegalArgumentException(
                    "not the absolute path of a file in the guest: " + path);
        }
        if (path.matches("/(bin|sbin|lib|lib64)/.*")) {
            // The kernel would replace the link by a directory, and the guest lose its programs.
            throw new IllegalArgumentException(path + " is behind a link: use /usr" + path);
        }
        files.put(path.substring(1), content.clone());
    }

    /** Returns the paths of the files, without the leading slash, one a line. */
    String list() {
        return String.join("\n", files.keySet()) + "\n";
    }

    byte[] archive() {
        var out = new ByteArrayOutputStream();
        files.forEach((path, content) -> {
            for (var at = path.indexOf('/'); at > 0; at = path.indexOf('/', at + 1)) {
                entry(out, path.substring(0, at), DIRECTORY, new byte[0]);
            }
            entry(out, path, EXECUTABLE, content);
        });
        entry(out, "TRAILER!!!", 0, new byte[0]);
        return out.toByteArray();
    }

    private static void entry(ByteArrayOutputStream out, String path, int mode, byte[] content) {
        var name = (path + "\0").getBytes(StandardCharsets.UTF_8);
        int[] fields = {0, mode, 0, 0, 1, 0, content.length, 0, 0, 0, 0, name.length, 0};
        out.writeBytes("070701".getBytes(StandardCharsets.US_ASCII));
        for (var field : fields) {
            out.writeBytes("%08X".formatted(field).getBytes(StandardCharsets.US_ASCII));
        }
        out.writeBytes(name);
        pad(out);
        out.writeBytes(content);
        pad(out);
    }

    private static void pad(ByteArrayOutputStream out) {
        while (out.size() % 4 != 0) {
            out.write(0);
        }
    }

    /** Returns a resource beside this class. */
    static byte[] resource(String name) throws IOException {
        try (var in = GuestFiles.class.getResourceAsStream(name)) {
            if (in == null) {
                throw new FileNotFoundException("no resource " + name + " in the testkit");
            }
            return in.readAllBytes();
        }
    }

    /** Deletes a directory and all that is in it. */
    static void delete(Path directory) throws IOException {
        try (var files = Files.walk(directory)) {
            for (var file : files.sorted(Comparator.reverseOrder()).toList()) {
                Files.deleteIfExists(file);
            }
        }
    }
}
