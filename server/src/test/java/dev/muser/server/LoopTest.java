package dev.muser.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.muser.device.EventLoop;
import dev.muser.linux.Errno;
import dev.muser.linux.EventFd;
import dev.muser.linux.SyscallException;
import dev.muser.linux.UnixSocket;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalInt;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.BooleanSupplier;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

final class LoopTest extends ServerTest {
    static Stream<LoopPolicy> policies() {
        return Stream.of(LoopPolicy.BLOCKING, LoopPolicy.POLLING, LoopPolicy.ADAPTIVE);
    }

    private static void await(CountDownLatch latch) {
        try {
            latch.await();
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }

    private static <T> T on(Loop loop, Supplier<T> work) {
        var result = new CompletableFuture<T>();
        loop.execute(() -> result.complete(work.get()));
        return result.join();
    }

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

    @ParameterizedTest
    @MethodSource("policies")
    void shouldFireTimersInTheOrderOfTheirDeadlines(LoopPolicy policy) {
        var loop = loop(policy);
        var fired = new ArrayList<String>();
        var done = new CountDownLatch(1);
        loop.execute(() -> {
            loop.timer(() -> fired.add("never")).arm(Long.MAX_VALUE);
            var disarmed = loop.timer(() -> fired.add("disarmed"));
            disarmed.arm(1_000_000);
            disarmed.disarm();
            var closed = loop.timer(() -> fired.add("closed"));
            closed.close();
            closed.arm(1);
            loop.timer(
                            () -> {
                                fired.add("third");
                                done.countDown();
                            })
                    .arm(20_000_000);
            var moved = loop.timer(() -> fired.add("second"));
            moved.arm(1);
            moved.arm(10_000_000);
            loop.timer(() -> fired.add("first")).arm(-5);
        });
        await(done);
        assertThat(on(loop, () -> List.copyOf(fired))).containsExactly("first", "second", "third");
    }

    @Test
    void shouldGoOnThoughATimerAlwaysArmsItselfInThePast() {
        var loop = loop(LoopPolicy.BLOCKING);
        var client = connect(loop, device, ServerOptions.DEFAULTS);
        var timer = new AtomicReference<EventLoop.Timer>();
        loop.execute(() -> {
            timer.set(loop.timer(() -> timer.get().arm(-1_000_000_000)));
            timer.get().arm(0);
        });
        client.negotiate();
        client.expectServed();
    }

    @ParameterizedTest
    @MethodSource("policies")
    void shouldWatchADescriptorUntilTheWatchIsClosed(LoopPolicy policy)
            throws InterruptedException {
        var loop = loop(policy);
        var eventFd = closing(EventFd.create());
        var taken = new AtomicInteger();
        var signalled = new Semaphore(0);
        var watch =
                on(
                        loop,
                        () ->
                                loop.watch(
                                        eventFd,
                                        () -> {
                                            taken.addAndGet((int) EventFd.take(eventFd));
                                            signalled.release();
                                        }));
        EventFd.signal(eventFd);
        signalled.acquire();
        EventFd.signal(eventFd);
        signalled.acquire();
        assertThat(taken).hasValue(2);
        on(
                loop,
                () -> {
                    watch.close();
                    watch.close();
                    return 0;
                });
        EventFd.signal(eventFd);
        connect(loop, device, ServerOptions.DEFAULTS).negotiate();
        assertThat(EventFd.take(eventFd)).as("what nobody has taken").isEqualTo(1);
    }

    @Test
    void shouldNotCloseAnothersWatchWhenOneIsClosedTwice() throws InterruptedException {
        var loop = loop(LoopPolicy.BLOCKING);
        var first = closing(EventFd.create());
        var second = closing(EventFd.create());
        var signalled = new CountDownLatch(1);
        var old = on(loop, () -> loop.watch(first, () -> {}));
        on(
                loop,
                () -> {
                    old.close();
                    return 0;
                });
        // In a later turn the number of the first watch is free for the second.
        on(loop, () -> loop.watch(second, signalled::countDown));
        on(
                loop,
                () -> {
                    old.close();
                    return 0;
                });
        EventFd.signal(second);
        signalled.await();
    }

    @Test
    void shouldEndAWatchWhoseDescriptorWasClosedBefore() {
        var loop = loop(LoopPolicy.BLOCKING);
        var eventFd = EventFd.create();
        on(
                loop,
                () -> {
                    var watch = loop.watch(eventFd, () -> {});
                    eventFd.close();
                    watch.close();
                    return 0;
                });
        connect(loop, device, ServerOptions.DEFAULTS).negotiate();
    }

    @Test
    void shouldCallAPollerInEachTurnUntilItIsClosed() {
        var loop = loop(LoopPolicy.BLOCKING);
        var calls = new AtomicInteger();
        var enough = new CountDownLatch(1000);
        var poller =
                on(
                        loop,
                        () ->
                                loop.poll(() -> {
                                    calls.incrementAndGet();
                                    enough.countDown();
                                    return false;
                                }));
        await(enough);
        int after =
                on(
                        loop,
                        () -> {
                            poller.close();
                            return calls.get();
                        });
        var client = connect(loop, device, ServerOptions.DEFAULTS);
        client.negotiate();
        assertThat(calls).hasValue(after);
    }

    @Test
    void shouldServeClientsAndSleepAgainWhilePollersStartAndStop() throws Exception {
        var loop = loop(LoopPolicy.BLOCKING);
        var client = connect(loop, device, ServerOptions.DEFAULTS);
        client.negotiate();
        var calls = new AtomicInteger();
        var poller = on(loop, () -> loop.poller(() -> calls.incrementAndGet() < 0));
        for (int round = 1; round <= 3; round++) {
            int before = calls.get();
            on(
                    loop,
                    () -> {
                        poller.start();
                        poller.start();
                        return 0;
                    });
            client.expectServed();
            assertThat(calls.get()).as("calls while it runs").isGreaterThan(before);
            int stopped =
                    on(
                            loop,
                            () -> {
                                poller.stop();
                                poller.stop();
                                return calls.get();
                            });
            client.expectServed();
            assertThat(calls).as("calls after its stop").hasValue(stopped);
        }
        on(
                loop,
                () -> {
                    poller.close();
                    poller.start();
                    return 0;
                });
        int closed = calls.get();
        client.expectServed();
        assertThat(calls).as("calls after its end").hasValue(closed);
    }

    @Test
    void shouldBeQuietOnceNobodyHasFoundWorkForLong() throws Exception {
        var loop = loop(LoopPolicy.BLOCKING);
        var quietAgain = new CountDownLatch(2);
        var quietAfterWork = new AtomicInteger();
        on(
                loop,
                () ->
                        loop.poll(
                                new BooleanSupplier() {
                                    private boolean worked;

                                    @Override
                                    public boolean getAsBoolean() {
                                        boolean quiet = loop.isQuiet();
                                        quietAfterWork.addAndGet(worked && quiet ? 1 : 0);
                                        worked = quiet && quietAgain.getCount() > 0;
                                        if (quiet) {
                                            quietAgain.countDown();
                                        }
                                        return worked;
                                    }
                                }));
        await(quietAgain);
        assertThat(quietAfterWork).as("quiet in the turn after work").hasValue(0);
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

    @ParameterizedTest
    @MethodSource("policies")
    void shouldCloseItsServersWhenItEnds(LoopPolicy policy) {
        var loop = Loop.start("ending", policy, OptionalInt.empty());
        var path = socketPath();
        var server = DeviceServer.listen(loop, _ -> device, path, ServerOptions.DEFAULTS);
        var client = closing(RawClient.connect(path));
        client.negotiate();
        client.expectServed();
        loop.close();
        client.expectEnd();
        assertThat(device.closed).isTrue();
        assertThat(path).doesNotExist();
        loop.close();
        server.close();
        server.awaitEnd();
        loop.execute(() -> {});
        assertThatThrownBy(
                        () -> DeviceServer.listen(loop, _ -> device, path, ServerOptions.DEFAULTS))
                .isInstanceOf(IllegalStateException.class)
                .hasMessage("the loop has ended");
    }

    @Test
    void shouldEndThoughATaskAlwaysExecutesItselfAgain() {
        var loop = Loop.start("ending", LoopPolicy.BLOCKING, OptionalInt.empty());
        var task = new AtomicReference<Runnable>();
        task.set(() -> loop.execute(task.get()));
        loop.execute(task.get());
        loop.close();
    }

    @Test
    void shouldEndFromItsOwnThread() {
        var loop = Loop.start("ending", LoopPolicy.BLOCKING, OptionalInt.empty());
        closing(DeviceServer.listen(loop, _ -> device, socketPath(), ServerOptions.DEFAULTS));
        loop.execute(loop::close);
        loop.awaitEnd();
        assertThat(device.closed).isTrue();
    }

    @Test
    void shouldEndWhileOthersGiveItWork() throws InterruptedException {
        for (int round = 0; round < 20; round++) {
            var loop = Loop.start("ending", LoopPolicy.BLOCKING, OptionalInt.empty());
            var ended = new AtomicReference<Throwable>();
            var thread =
                    Thread.ofPlatform()
                            .uncaughtExceptionHandler((_, thrown) -> ended.set(thrown))
                            .start(() -> {
                                while (loop.submit(() -> {})) {
                                    Thread.onSpinWait();
                                }
                            });
            loop.close();
            thread.join();
            assertThat(ended.get()).isNull();
        }
    }

    @Test
    void shouldLetADeviceCloseItsOwnServerInTheMiddleOfARequest() {
        var loop = loop(LoopPolicy.BLOCKING);
        var neighbour = connect(loop, anotherDevice(), ServerOptions.DEFAULTS);
        neighbour.negotiate();
        var pair = UnixSocket.pair();
        var client = closing(new RawClient(pair[1]));
        var server = DeviceServer.adopt(loop, _ -> device, pair[0].fd(), ServerOptions.DEFAULTS);
        client.negotiate();
        device.when("reset", server::close);
        client.ask(RawClient.RESET, new byte[0]).succeeded(0);
        client.expectEnd();
        server.awaitEnd();
        assertThat(device.calls).containsExactly("attach", "reset", "detach");
        assertThat(device.closed).isTrue();
        neighbour.expectServed();
    }

    @Test
    void shouldLeaveNothingBehindWhenAServerCannotBeStarted() {
        var loop = loop(LoopPolicy.BLOCKING);
        var path = socketPath();
        closing(DeviceServer.listen(loop, _ -> anotherDevice(), path, ServerOptions.DEFAULTS));
        var polls = new AtomicInteger();
        assertThatThrownBy(() ->
                        DeviceServer.listen(
                                loop,
                                given -> {
                                    given.poll(() -> polls.incrementAndGet() < 0);
                                    return device;
                                },
                                path,
                                ServerOptions.DEFAULTS))
                .isInstanceOfSatisfying(
                        SyscallException.class,
                        e -> assertThat(e.errno()).isEqualTo(Errno.EADDRINUSE));
        assertThat(device.closed).isTrue();
        var client = closing(RawClient.connect(path));
        client.negotiate();
        int before = polls.get();
        client.expectServed();
        assertThat(polls).hasValue(before);
    }

    @Test
    void shouldCloseASocketThatItCannotAdopt() {
        var loop = loop(LoopPolicy.BLOCKING);
        var eventFd = EventFd.create();
        assertThatThrownBy(() ->
                        DeviceServer.adopt(loop, _ -> device, eventFd, ServerOptions.DEFAULTS))
                .isInstanceOf(SyscallException.class);
        assertThat(eventFd.isOpen()).isFalse();
        assertThat(device.closed).isTrue();
    }

    @Test
    void shouldThrowWhatTheMakerOfADeviceThrows() {
        var loop = loop(LoopPolicy.BLOCKING);
        var polls = new AtomicInteger();
        var failure = new IllegalArgumentException("no such device");
        assertThatThrownBy(() ->
                        DeviceServer.listen(
                                loop,
                                given -> {
                                    given.poll(() -> polls.incrementAndGet() < 0);
                                    throw failure;
                                },
                                socketPath(),
                                ServerOptions.DEFAULTS))
                .isSameAs(failure);
        int before = polls.get();
        connect(loop, device, ServerOptions.DEFAULTS).negotiate();
        assertThat(polls).hasValue(before);
    }
}
