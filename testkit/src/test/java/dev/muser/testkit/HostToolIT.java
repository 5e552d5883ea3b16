package dev.muser.testkit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The rig's programs on this machine. */
class HostToolIT {
    @TempDir private Path temporary;

    @Test
    void shouldServeAnImageByNbdAfterACrashToo() {
        var image = temporary.resolve("disk.qcow2");
        HostTool.run("qemu-img", "create", "-q", "-f", "qcow2", image.toString(), "16M");
        var socket = temporary.resolve("nbd");
        var address = "nbd+unix:///?socket=" + socket;
        try (var server = QemuNbd.serve(image, socket, "qcow2")) {
            HostTool.run(
                    "qemu-io", "-f", "raw", "-c", "write -P 0x5a 4k 4k", "-c", "flush", address);
            server.kill();
            assertThatThrownBy(() -> HostTool.run("qemu-io", "-f", "raw", "-c", "length", address))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("qemu-io");
        }
        assertThat(socket).doesNotExist();
        try (var server = QemuNbd.serve(image, socket, "qcow2", "--read-only")) {
            assertThat(server.socket()).exists();
            assertThat(
                            HostTool.run(
                                    "qemu-io",
                                    "-r",
                                    "-f",
                                    "raw",
                                    "-c",
                                    "read -P 0x5a 4k 4k",
                                    address))
                    .contains("read 4096/4096");
        }
    }

    @Test
    void shouldMakeAndCheckAFileSystem() throws Exception {
        var image = Files.createFile(temporary.resolve("disk.img")).toString();
        HostTool.run("mkfs.ext4", "-q", image, "16M");
        assertThat(HostTool.run("e2fsck", "-f", "-n", image)).contains("Pass 5");
        assertThat(HostTool.run("fio", "--version")).startsWith("fio-3.");
    }

    @Test
    void shouldSayWhichProgramIsMissing() {
        assertThatThrownBy(() -> HostTool.run("no-such-program"))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("there is no program no-such-program");
    }
}
