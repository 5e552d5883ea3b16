package dev.muser.server;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.Test;

final class LoopPollersTest extends LoopFixture {
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
}
