package dev.muser.linux;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.time.Duration;
import java.util.BitSet;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** Eventfds, epoll, poll, timers, pipes, CPUs. */
@ExtendWith(DescriptorLeaks.class)
class WaitingTest {
    private static final Duration LONG = Duration.ofSeconds(30);

    @Test
    void shouldCountSignalsUntilTheyAreTaken() {
        try (var fd = EventFd.create()) {
            assertThat(EventFd.take(fd)).isEqualTo(-Errno.EAGAIN);
            for (int i = 0; i < 1000; i++) {
                EventFd.signal(fd);
            }
            assertThat(EventFd.take(fd)).isEqualTo(1000);
            assertThat(EventFd.take(fd)).isEqualTo(-Errno.EAGAIN);
        }
    }

    @Test
    void shouldNotWaitForAFullEventFdEvenWhenItBlocks() {
        try (var fd = EventFd.create();
                var arena = Arena.ofConfined()) {
            var full = arena.allocate(8, 8);
            full.set(ValueLayout.JAVA_LONG, 0, 0xffff_ffff_ffff_fffeL);
            assertThat(fd.write(full, 0, 8)).isEqualTo(8);
            full.set(ValueLayout.JAVA_LONG, 0, 1);
            assertThat(fd.write(full, 0, 8)).isEqualTo(-Errno.EAGAIN);
            fd.nonBlocking(false);
            for (int i = 0; i < 200; i++) {
                EventFd.signal(fd);
            }
            assertThat(EventFd.take(fd)).isEqualTo(Long.MAX_VALUE);
        }
    }

    @Test
    void shouldTellEventFdsFromOthers() {
        try (var event = EventFd.create();
                var file = MemoryFile.create("anon_inode:[eventfd]", 8);
                var timer = new TimerFd()) {
            assertThat(EventFd.is(event)).isTrue();
            assertThat(EventFd.is(file)).isFalse();
            assertThat(EventFd.is(timer.fd())).isFalse();
        }
    }

    @Test
    void shouldReportTheTokensOfWhatIsReady() {
        try (var epoll = new Epoll(8);
                var first = EventFd.create();
                var second = EventFd.create()) {
            epoll.add(first, Epoll.IN, 0x1122_3344_5566_7788L);
            epoll.add(second, Epoll.IN, -2);
            assertThat(epoll.await(0)).isZero();
            EventFd.signal(first);
            assertThat(epoll.await(-1)).isEqualTo(1);
            assertThat(epoll.token(0)).isEqualTo(0x1122_3344_5566_7788L);
            assertThat(epoll.happened(0)).isEqualTo(Epoll.IN);
            EventFd.signal(second);
            assertThat(epoll.await(-1)).isEqualTo(2);
            assertThat(epoll.token(0) ^ epoll.token(1)).isEqualTo(0x1122_3344_5566_7788L ^ -2);
            epoll.modify(first, Epoll.OUT, 7);
            epoll.remove(second);
            assertThat(epoll.await(0)).isEqualTo(1);
            assertThat(epoll.token(0)).isEqualTo(7);
            assertThat(epoll.happened(0)).isEqualTo(Epoll.OUT);
        }
    }

    @Test
    void shouldReportMoreEventsThanItsCapacityInTurns() {
        try (var epoll = new Epoll(1);
                var first = EventFd.create();
                var second = EventFd.create()) {
            epoll.add(first, Epoll.IN, 1);
            epoll.add(second, Epoll.IN, 2);
            EventFd.signal(first);
            EventFd.signal(second);
            assertThat(epoll.await(-1)).isEqualTo(1);
            long token = epoll.token(0);
            EventFd.take(token == 1 ? first : second);
            assertThat(epoll.await(-1)).isEqualTo(1);
            assertThat(epoll.token(0)).isEqualTo(3 - token);
        }
    }

    @Test
    void shouldReportHangUps() {
        var ends = UnixSocket.pair();
        try (var epoll = new Epoll(1);
                var here = ends[0]) {
            epoll.add(here.fd(), 0, 5);
            ends[1].close();
            assertThat(epoll.await(-1)).isEqualTo(1);
            assertThat(epoll.happened(0) & Epoll.HANG_UP).isEqualTo(Epoll.HANG_UP);
        }
    }

    @Test
    void shouldRefuseToWatchFilesAndStrangers() {
        try (var epoll = new Epoll(1);
                var file = MemoryFile.create("epoll-test", 8);
                var event = EventFd.create()) {
            assertThatExceptionOfType(SyscallException.class)
                    .isThrownBy(() -> epoll.add(file, Epoll.IN, 1))
                    .returns(Errno.EPERM, SyscallException::errno);
            assertThatExceptionOfType(SyscallException.class)
                    .isThrownBy(() -> epoll.remove(event))
                    .returns(Errno.ENOENT, SyscallException::errno);
        }
    }

    @Test
    void shouldPollOneDescriptor() {
        try (var event = EventFd.create()) {
            assertThat(Poll.await(event, Poll.IN, Duration.ZERO)).isFalse();
            assertThat(Poll.await(event, Poll.IN, Duration.ofMillis(5))).isFalse();
            assertThat(Poll.await(event, Poll.OUT, null)).isTrue();
            EventFd.signal(event);
            assertThat(Poll.await(event, Poll.IN, null)).isTrue();
            assertThat(Poll.isWritable(event)).isTrue();
        }
    }

    @Test
    void shouldExpireOnceOrAgainAndAgain() {
        try (var timer = new TimerFd()) {
            assertThat(timer.take()).isZero();
            timer.arm(0);
            assertThat(Poll.await(timer.fd(), Poll.IN, LONG)).isTrue();
            assertThat(timer.take()).isEqualTo(1);
            assertThat(timer.take()).isZero();
            timer.armEvery(Duration.ofMillis(1));
            long count = 0;
            while (count < 3) {
                assertThat(Poll.await(timer.fd(), Poll.IN, LONG)).isTrue();
                count += timer.take();
            }
            timer.disarm();
            timer.take();
            assertThat(Poll.await(timer.fd(), Poll.IN, Duration.ofMillis(5))).isFalse();
            timer.arm(Duration.ofHours(1).toNanos());
            assertThat(timer.take()).isZero();
        }
    }

    @Test
    void shouldMoveBytesThroughAPipeToASocketAndBack() {
        var ends = UnixSocket.pair();
        try (var pipe = Pipe.create();
                var arena = Arena.ofConfined();
                var here = ends[0];
                var there = ends[1];
                var receiver = new MessageReceiver(0)) {
            var buffer = arena.allocate(16, 8);
            assertThat(Pipe.splice(pipe.source(), here.fd(), 16)).isEqualTo(-Errno.EAGAIN);
            buffer.set(ValueLayout.JAVA_LONG, 0, 99);
            assertThat(pipe.sink().write(buffer, 0, 8)).isEqualTo(8);
            assertThat(Pipe.splice(pipe.source(), here.fd(), 16)).isEqualTo(8);
            assertThat(pipe.source().read(buffer, 8, 8)).isEqualTo(-Errno.EAGAIN);
            int got = receiver.receive(there, buffer, 8, 8, MessageReceiver.DONT_WAIT);
            assertThat(got).isEqualTo(8);
            assertThat(buffer.get(ValueLayout.JAVA_LONG, 8)).isEqualTo(99);
            new MessageSender().send(there, buffer, 0, 8, MessageSender.DONT_WAIT);
            assertThat(Pipe.splice(here.fd(), pipe.sink(), 16)).isEqualTo(8);
            assertThat(pipe.source().read(buffer, 0, 16)).isEqualTo(8);
            there.shutdown();
            assertThat(Pipe.splice(here.fd(), pipe.sink(), 16)).isZero();
        }
    }

    @Test
    void shouldPinAThread() throws InterruptedException {
        var seen = new BitSet[4];
        var thread =
                Thread.ofPlatform()
                        .start(() -> {
                            seen[0] = Affinity.get();
                            int cpu = seen[0].length() - 1;
                            Affinity.pin(cpu);
                            seen[1] = Affinity.get();
                            seen[3] = Affinity.ofProcess();
                            Affinity.set(seen[0]);
                            seen[2] = Affinity.get();
                        });
        thread.join();
        assertThat(seen[0].isEmpty()).isFalse();
        assertThat(seen[1].stream().toArray()).containsExactly(seen[0].length() - 1);
        assertThat(seen[2]).isEqualTo(seen[0]);
        assertThat(seen[3]).isEqualTo(seen[0]);
        assertThatExceptionOfType(SyscallException.class)
                .isThrownBy(() -> Affinity.pin(8000))
                .returns(Errno.EINVAL, SyscallException::errno);
    }

    @Test
    void shouldTellEventFdsApartByTheirIds() {
        try (var one = EventFd.create();
                var other = EventFd.create();
                var copy = one.duplicate();
                var memory = MemoryFile.create("none", 8)) {
            assertThat(EventFd.id(copy)).isEqualTo(EventFd.id(one)).isNotEqualTo(EventFd.id(other));
            assertThatExceptionOfType(SyscallException.class)
                    .isThrownBy(() -> EventFd.id(memory))
                    .returns(Errno.EINVAL, SyscallException::errno);
        }
    }

    @Test
    void shouldReadTheMonotonicClock() {
        long before = System.nanoTime() / 1000;
        long now = MonotonicClock.microseconds();
        // the JVM's clock is the same one, on Linux
        assertThat(now).isBetween(before, System.nanoTime() / 1000);
    }
}
