package dev.muser.service;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.muser.linux.ChildProcess;
import dev.muser.linux.Fd;
import dev.muser.linux.FileStatus;
import dev.muser.linux.MemoryFile;
import dev.muser.linux.PidFd;
import dev.muser.linux.UnixSocket;
import java.lang.foreign.Arena;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.FutureTask;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Both ends of a handover, in one process. */
class HandoverTest {
    private static final Duration LONG = Duration.ofSeconds(30);
    private static final Duration SHORT = Duration.ofMillis(50);

    private final CompletableFuture<List<NamedDescriptor>> taken = new CompletableFuture<>();
    private final List<Fd> files = new ArrayList<>();
    private UnixSocket[] ends;
    private StandbyProcess giver;
    private Standby standby;

    @BeforeEach
    void connect() {
        ends = UnixSocket.pair();
        var environment = Map.of("PATH", System.getenv("PATH"));
        var process = ChildProcess.start(List.of("sleep", "1000"), environment, List.of());
        giver = new StandbyProcess(process, new HandoverChannel(ends[0]));
        standby = new Standby(ends[1], taken::complete);
    }

    @AfterEach
    void close() {
        giver.kill();
        standby.close();
        files.forEach(Fd::close);
        if (taken.isDone()) {
            taken.join().forEach(each -> each.fd().close());
        }
    }

    private List<NamedDescriptor> make(int count) {
        var all = new ArrayList<NamedDescriptor>();
        for (int i = 0; i < count; i++) {
            var fd = MemoryFile.create("part", i);
            files.add(fd);
            all.add(new NamedDescriptor("name-" + i, fd));
        }
        return all;
    }

    private static <T> Future<T> elsewhere(Callable<T> task) {
        var future = new FutureTask<>(task);
        Thread.ofPlatform().daemon().start(future);
        return future;
    }

    private Future<Boolean> standby(@Nullable String refusal) {
        return elsewhere(() -> {
            standby.warm();
            standby.await(files -> files.containsKey("name-0") ? refusal : "no name-0");
            return standby.confirm() == null;
        });
    }

    private static void assertFails(Callable<?> task, String why) {
        assertThatExceptionOfType(HandoverException.class)
                .isThrownBy(task::call)
                .withMessageContaining(why);
    }

    @Test
    void shouldCheckThenHandOverThenGo() throws Exception {
        var other = standby(null);
        assertThat(giver.awaitWarm(LONG)).isTrue();
        assertThat(giver.check(make(1), LONG)).isNull();
        var all = make(3);
        giver.handOver(all, LONG);
        assertThat(other.isDone()).as("before it may go on").isFalse();
        giver.go();
        assertThat(other.get()).isTrue();
        assertThat(taken.get())
                .extracting(NamedDescriptor::name)
                .containsExactly("name-0", "name-1", "name-2");
    }

    @Test
    void shouldHandOverThousands() throws Exception {
        var other = standby(null);
        assertThat(giver.awaitWarm(LONG)).isTrue();
        var all = make(3000);
        giver.handOver(all, LONG);
        giver.go();
        assertThat(other.get()).isTrue();
        assertThat(taken.get()).hasSize(3000);
        for (int i = 0; i < 3000; i++) {
            var each = taken.get().get(i);
            assertThat(each.name()).isEqualTo("name-" + i);
            assertThat(FileStatus.of(each.fd()).inode())
                    .isEqualTo(FileStatus.of(all.get(i).fd()).inode());
        }
    }

    @Test
    void shouldHandOverNothing() throws Exception {
        var other = standby(null);
        assertThat(giver.awaitWarm(LONG)).isTrue();
        giver.handOver(List.of(), LONG);
        giver.go();
        assertThat(other.get()).isTrue();
        assertThat(taken.get()).isEmpty();
    }

    @Test
    void shouldPassOnWhyItDoesNotFit() throws Exception {
        var other = standby("field FIFO is missing");
        assertThat(giver.awaitWarm(LONG)).isTrue();
        assertThat(giver.check(make(1), LONG)).isEqualTo("field FIFO is missing");
        // a refusal harms nothing
        assertThat(giver.check(List.of(), LONG)).isEqualTo("no name-0");
        giver.handOver(make(1), LONG);
        giver.go();
        assertThat(other.get()).isTrue();
    }

    @Test
    void shouldGiveForTheCheckWhatCannotBeWritten() throws Exception {
        var result = new CompletableFuture<Integer>();
        var other =
                elsewhere(() -> {
                    standby.await(files -> {
                        try (var arena = Arena.ofConfined()) {
                            var fd = files.values().iterator().next();
                            result.complete(fd.writeAt(0, arena.allocate(1), 0, 1));
                        }
                        return null;
                    });
                    return true;
                });
        assertThat(giver.check(make(1), LONG)).isNull();
        assertThat(result.get()).isNegative();
        giver.close();
        assertThatExceptionOfType(ExecutionException.class)
                .isThrownBy(other::get)
                .withCauseInstanceOf(HandoverException.class);
    }

    @Test
    void shouldPassOnWhyItCannotGoOn() throws Exception {
        var other =
                elsewhere(() -> {
                    standby.await(files -> null);
                    standby.refuse("the state is of another device");
                    return true;
                });
        assertFails(
                () -> {
                    giver.handOver(make(2), LONG);
                    return null;
                },
                "the state is of another device");
        assertThat(other.get()).isTrue();
    }

    @Test
    void shouldNotWaitForAHangingStandby() {
        assertThat(waitWarm(SHORT)).isFalse();
        assertFails(() -> giver.check(make(1), SHORT), "in time");
        assertFails(
                () -> {
                    giver.handOver(make(2000), SHORT);
                    return null;
                },
                "in time");
    }

    private boolean waitWarm(Duration timeout) {
        try {
            return giver.awaitWarm(timeout);
        } catch (HandoverException e) {
            throw new AssertionError(e);
        }
    }

    @Test
    void shouldNoticeThatTheStandbyHasDied() {
        standby.close();
        assertFails(giver::isWarm, "gone");
        assertFails(() -> giver.check(make(1), LONG), "gone");
        assertFails(
                () -> {
                    giver.handOver(make(1), LONG);
                    return null;
                },
                "gone");
    }

    @Test
    void shouldTellTheStandbyThatTheOtherHasDiedInTheMiddle() throws Exception {
        var other = standby(null);
        assertThat(giver.awaitWarm(LONG)).isTrue();
        // the first part of several, and then nothing
        new HandoverChannel(ends[0])
                .send(HandoverChannel.PART, make(5), HandoverChannel.deadline(LONG));
        giver.close();
        assertThatExceptionOfType(ExecutionException.class)
                .isThrownBy(other::get)
                .withCauseInstanceOf(HandoverException.class);
        assertThat(taken).isNotDone();
    }

    @Test
    void shouldGoOnOnlyWhenTheProcessBeforeHasEnded() throws Exception {
        try (var predecessor = PidFd.open(giver.process().pid())) {
            var other =
                    elsewhere(() -> {
                        standby.await(files -> null);
                        try (var before = Objects.requireNonNull(standby.confirm())) {
                            assertThat(before.pid()).isEqualTo(giver.process().pid());
                            before.awaitEnd();
                        }
                        return predecessor.awaitExit(Duration.ZERO);
                    });
            giver.handOver(make(1), LONG);
            giver.go(predecessor, giver.process().pid());
            giver.awaitLeaveToEnd();
            predecessor.signal(PidFd.SIGKILL);
            assertThat(other.get()).as("whether it had ended").isTrue();
        }
    }

    @Test
    void shouldNotGoOnWithoutTheWord() throws Exception {
        var other = standby(null);
        assertThat(giver.awaitWarm(LONG)).isTrue();
        giver.handOver(make(1), LONG);
        giver.close();
        assertThatExceptionOfType(ExecutionException.class)
                .isThrownBy(other::get)
                .withCauseInstanceOf(HandoverException.class);
    }

    @Test
    void shouldRefuseAMessageThatIsNoneOfThisProtocol() throws Exception {
        try (var arena = Arena.ofConfined()) {
            var garbage = arena.allocate(64);
            garbage.fill((byte) 0x7f);
            assertThat(ends[1].fd().write(garbage, 0, 64)).isEqualTo(64);
            assertFails(giver::isWarm, "another protocol");
        }
    }
}
