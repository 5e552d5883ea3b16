package dev.muser.testkit.guest;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class GuestFilesTest {
    @Test
    void shouldWriteNewcEntriesPaddedToFourBytes() {
        var files = new GuestFiles();
        files.put("/a/b", "xyz".getBytes(StandardCharsets.US_ASCII));
        var zero = "00000000";
        // magic, ino mode uid gid nlink mtime filesize, devices, namesize check
        var directory = "070701" + zero + "000041ED" + zero + zero + "00000001" + zero + zero;
        var file = "070701" + zero + "000081ED" + zero + zero + "00000001" + zero + "00000003";
        var trailer = "070701" + zero + zero + zero + zero + "00000001" + zero + zero;
        var devices = zero.repeat(4);
        assertThat(new String(files.archive(), StandardCharsets.US_ASCII))
                .isEqualTo(
                        (directory + devices + "00000002" + zero + "a\0")
                                + (file + devices + "00000004" + zero + "a/b\0\0\0xyz\0")
                                + (trailer + devices + "0000000B" + zero + "TRAILER!!!\0\0\0\0"));
    }

    @ParameterizedTest
    @ValueSource(strings = {"relative", "/", "/directory/", "/bin/tool", "/lib/modules/m.ko"})
    void shouldRefuseAPathThatWouldHarmTheGuest(String path) {
        assertThatThrownBy(() -> new GuestFiles().put(path, new byte[0]))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining(path);
    }
}
