package dev.muser.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.muser.linux.Errno;
import dev.muser.linux.SyscallException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.OptionalInt;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

final class LoopTest extends LoopFixture {
    @Test
    void shouldSayThatThereIsNoSuchCpu() {
        assertThatThrownBy(
                        () -> Loop.start("lost", LoopPolicy.BLOCKING, OptionalInt.of(8000)).close())
                .isInstanceOfSatisfying(
                        SyscallException.class, e -> assertThat(e.errno()).isEqualTo(Errno.EINVAL))
                .hasMessageContaining("8000");
    }

    @ParameterizedTest
    @MethodSource("policies")
    void shouldServeManyDevicesOnOneLoop(LoopPolicy policy) {
        var loop = loop(policy);
        var clients = new ArrayList<RawClient>();
        for (int i = 0; i < 12; i++) { // more than are read by turns
            var client = connect(loop, anotherDevice(), ServerOptions.DEFAULTS);
            client.negotiate();
            clients.add(client);
            for (var each : clients) {
                each.expectServed();
            }
        }
        var path = socketPath();
        closing(DeviceServer.listen(loop, _ -> device, path, ServerOptions.DEFAULTS));
        var last = closing(RawClient.connect(path));
        last.negotiate();
        last.expectServed();
    }

    @ParameterizedTest
    @MethodSource("policies")
    void shouldRunTasksOfOtherThreadsInTheirOrder(LoopPolicy policy) throws InterruptedException {
        var loop = loop(policy);
        int count = 20_000;
        var seen = new int[2];
        var wrong = new AtomicInteger();
        var done = new CountDownLatch(2 * count);
        var threads = new ArrayList<Thread>();
        for (int t = 0; t < 2; t++) {
            int thread = t;
            threads.add(
                    Thread.ofPlatform()
                            .start(() -> {
                                for (int i = 0; i < count; i++) {
                                    int number = i;
                                    loop.execute(() -> {
                                        if (seen[thread]++ != number) {
                                            wrong.incrementAndGet();
                                        }
                                        done.countDown();
                                    });
                                }
                            }));
        }
        for (var thread : threads) {
            thread.join();
        }
        done.await();
        assertThat(wrong).hasValue(0);
    }

    @Test
    void shouldNotWakeUpWhenThereIsNothingToDo() throws Exception {
        var loop = loop(LoopPolicy.BLOCKING);
        var client = connect(loop, device, ServerOptions.DEFAULTS);
        client.negotiate();
        client.expectServed();
        Path status = on(loop, LoopTest::ownStatus);
        Thread.sleep(50); // it goes to sleep
        long before = switches(status);
        Thread.sleep(500);
        assertThat(switches(status)).as("times it slept anew").isEqualTo(before);
        client.expectServed();
    }

    private static Path ownStatus() {
        try {
            return Path.of("/proc")
                    .resolve(Path.of("/proc/thread-self").toRealPath())
                    .resolve("status");
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }

    private static long switches(Path status) throws IOException {
        for (var line : Files.readAllLines(status)) {
            if (line.startsWith("voluntary_ctxt_switches")) {
                return Long.parseLong(line.substring(line.indexOf(':') + 1).strip());
            }
        }
        throw new AssertionError("no count of switches in " + status);
    }
}
