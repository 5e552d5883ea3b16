package dev.muser.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.OptionalInt;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

final class LoopEndTest extends LoopFixture {
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
}
