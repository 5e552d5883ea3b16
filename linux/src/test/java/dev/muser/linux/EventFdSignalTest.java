package dev.muser.linux;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;

import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The ways in which the kernel signals eventfds for us; CI's kernel has both. */
@ExtendWith(DescriptorLeaks.class)
class EventFdSignalTest {
    private static final int THREADS = 4;
    private static final int SIGNALS = 5000;

    enum Way {
        IO_URING,
        IO_SUBMIT;

        void signal(Fd fd) {
            switch (this) {
                case IO_URING -> assertThat(UringSignal.signal(fd)).isTrue();
                case IO_SUBMIT -> assertThat(AioSignal.signal(fd.number())).isZero();
            }
        }
    }

    @BeforeAll
    static void openWhatIsOpenForGood() {
        try (var fd = EventFd.create()) {
            Way.IO_URING.signal(fd);
            Way.IO_SUBMIT.signal(fd);
        }
    }

    @ParameterizedTest
    @EnumSource
    void shouldCountEachSignalOfManyEventFdsByTurns(Way way) {
        var all = new ArrayList<Fd>();
        for (int i = 0; i < 10; i++) {
            all.add(EventFd.create());
        }
        for (int i = 0; i < 1000; i++) {
            for (int n = 0; n <= i % all.size(); n++) {
                way.signal(all.get(n));
            }
        }
        for (int n = 0; n < all.size(); n++) {
            assertThat(EventFd.take(all.get(n))).isEqualTo(1000 - 100 * n);
            all.get(n).close();
        }
    }

    @ParameterizedTest
    @EnumSource
    void shouldSignalTheNewOwnerOfANumberThatWasClosed(Way way) {
        var first = EventFd.create();
        int number = first.number();
        way.signal(first);
        try (var same = first.duplicate()) {
            first.close();
            try (var second = EventFd.create()) {
                assertThat(second.number()).isEqualTo(number);
                way.signal(second);
                assertThat(EventFd.take(second)).isEqualTo(1);
            }
            assertThat(EventFd.take(same)).isEqualTo(1);
        }
    }

    @ParameterizedTest
    @EnumSource
    void shouldCountTheSignalsOfManyThreads(Way way) throws InterruptedException {
        var all = new ArrayList<Fd>();
        for (int i = 0; i < 6; i++) {
            all.add(EventFd.create());
        }
        var threads = new ArrayList<Thread>();
        for (int i = 0; i < THREADS; i++) {
            threads.add(
                    Thread.ofPlatform()
                            .start(() -> {
                                for (int n = 0; n < SIGNALS; n++) {
                                    way.signal(all.get(n % all.size()));
                                }
                            }));
        }
        for (var thread : threads) {
            thread.join();
        }
        long count = 0;
        for (var fd : all) {
            count += EventFd.take(fd);
            fd.close();
        }
        assertThat(count).isEqualTo(THREADS * SIGNALS);
    }

    @ParameterizedTest
    @EnumSource
    void shouldNotWaitForAFullEventFdThatBlocks(Way way) {
        try (var fd = EventFd.create();
                var arena = Arena.ofConfined()) {
            var full = arena.allocate(8, 8);
            full.set(ValueLayout.JAVA_LONG, 0, 0xffff_ffff_ffff_fffeL);
            assertThat(fd.write(full, 0, 8)).isEqualTo(8);
            fd.nonBlocking(false);
            for (int i = 0; i < 200; i++) {
                way.signal(fd);
            }
            assertThat(EventFd.take(fd)).isEqualTo(Long.MAX_VALUE);
        }
    }

    @Test
    void shouldIgnoreWhatIsNoEventFd() {
        try (var file = MemoryFile.create("signal-test", 8);
                var event = EventFd.create()) {
            assertThat(UringSignal.signal(file)).isFalse();
            assertThatCode(() -> EventFd.signal(file)).doesNotThrowAnyException();
            EventFd.signal(event);
            assertThat(EventFd.take(event)).isEqualTo(1);
        }
    }
}
