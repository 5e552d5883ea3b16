package dev.muser.server;

import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.function.Supplier;
import java.util.stream.Stream;

/** What tests of loops share. */
abstract class LoopFixture extends ServerTest {
    static Stream<LoopPolicy> policies() {
        return Stream.of(LoopPolicy.BLOCKING, LoopPolicy.POLLING, LoopPolicy.ADAPTIVE);
    }

    static void await(CountDownLatch latch) {
        try {
            latch.await();
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }

    static <T> T on(Loop loop, Supplier<T> work) {
        var result = new CompletableFuture<T>();
        loop.execute(() -> result.complete(work.get()));
        return result.join();
    }
}
