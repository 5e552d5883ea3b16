package dev.muser.server;

import static org.assertj.core.api.Assertions.assertThat;

import dev.muser.device.EventLoop;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

final class LoopTimersTest extends LoopFixture {
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
}
