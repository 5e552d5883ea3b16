package dev.muser.server;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

/** A process with a heap that is full is served in testkit's {@code FullHeapTest}. */
final class HeapReserveTest {
    private final HeapReserve reserve = new HeapReserve();

    @Test
    void shouldBeHeldUntilTheHeapIsFull() {
        assertThat(reserve.isHeld()).isTrue();
        reserve.releaseOn(new IllegalStateException("another failure"));
        reserve.releaseOn(new StackOverflowError());
        assertThat(reserve.isHeld()).isTrue();
        reserve.releaseOn(new OutOfMemoryError("as the JVM throws it"));
        assertThat(reserve.isHeld()).isFalse();
    }

    @Test
    void shouldBeHeldAgainWhenThereIsRoom() {
        reserve.refill();
        reserve.releaseOn(new OutOfMemoryError("as the JVM throws it"));
        reserve.refill();
        assertThat(reserve.isHeld()).isTrue();
    }
}
