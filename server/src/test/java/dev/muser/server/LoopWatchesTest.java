package dev.muser.server;

import static org.assertj.core.api.Assertions.assertThat;

import dev.muser.linux.EventFd;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

final class LoopWatchesTest extends LoopFixture {
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
}
