package dev.muser.server;

import static org.assertj.core.api.Assertions.assertThat;

import dev.muser.linux.Errno;
import dev.muser.linux.Fd;
import dev.muser.linux.SyscallException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.Deque;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** The process has used up its descriptors ({@code RLIMIT_NOFILE}). */
final class NoDescriptorsLeftTest extends ServerTest {
    private static final int LIMIT = 2048;

    private final Deque<Fd> used = new ArrayDeque<>();
    private String limitBefore = "";

    @BeforeEach
    void lowerLimit() throws IOException, InterruptedException {
        for (var line : Files.readAllLines(Path.of("/proc/self/limits"))) {
            if (line.startsWith("Max open files")) {
                var values = line.substring("Max open files".length()).strip();
                limitBefore = values.substring(0, values.indexOf(' '));
            }
        }
        limit(Integer.toString(LIMIT));
        // The JVM needs a descriptor to load a class from a folder.
        assertThat(new SyscallException("open", Errno.EMFILE)).hasMessageContaining("EMFILE");
    }

    @AfterEach
    void restoreLimit() throws IOException, InterruptedException {
        free(used.size());
        limit(limitBefore);
    }

    private static void limit(String soft) throws IOException, InterruptedException {
        var process =
                new ProcessBuilder(
                                "prlimit",
                                "--pid",
                                Long.toString(ProcessHandle.current().pid()),
                                "--nofile=" + soft + ":")
                        .inheritIO()
                        .start();
        assertThat(process.waitFor()).as("exit of prlimit, of util-linux").isZero();
    }

    private void useUp() {
        try {
            while (true) {
                used.push(device.file.duplicate());
            }
        } catch (SyscallException e) {
            assertThat(e.errno()).isEqualTo(Errno.EMFILE);
        }
    }

    private void free(int count) {
        for (int i = 0; i < count; i++) {
            used.pop().close();
        }
    }

    @Test
    void shouldSayThatDescriptorsOfTheMessageWereLostAndOfNoOther() {
        var client = negotiated();
        client.expectServed();
        Fd file = memory(4096);
        byte[] map = RawClient.dmaMap(3, 0, 0, 4096);
        client.ask(99, new byte[0]).failed(Errno.EINVAL);
        client.ask(RawClient.DMA_MAP, map, file).succeeded(0);
        useUp();
        var lost = client.ask(RawClient.DMA_MAP, map, file);
        var ignored = client.ask(RawClient.RESET, new byte[0], file);
        var without = client.ask(RawClient.DMA_MAP, map);
        free(2);
        var partly = client.ask(RawClient.RESET, new byte[0], file, file, file);
        var again = client.ask(RawClient.DMA_MAP, map, file);
        free(used.size());
        lost.failed(Errno.EMFILE);
        ignored.succeeded(0);
        without.succeeded(0);
        partly.succeeded(0);
        again.succeeded(0);
    }

    @Test
    void shouldAcceptAWaitingClientWhenThereAreDescriptorsAgain() {
        var loop = loop(LoopPolicy.BLOCKING);
        var neighbour = connect(loop, anotherDevice(), ServerOptions.DEFAULTS);
        neighbour.negotiate();
        var path = socketPath();
        closing(DeviceServer.listen(loop, _ -> device, path, ServerOptions.DEFAULTS));
        try (var warm = RawClient.connect(path)) {
            warm.negotiate();
        }
        neighbour.expectServed();
        useUp();
        free(1);
        var client = closing(RawClient.connect(path));
        neighbour.expectServed();
        free(used.size());
        client.negotiate();
        client.expectServed();
    }
}
