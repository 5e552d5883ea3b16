package dev.muser.devices.storage;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.muser.device.EventLoop;
import dev.muser.linux.Errno;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

final class LimitedStorageTest {
    private static final long SECOND = 1_000_000_000;

    private long now = 5_000;
    private final FakeLoop loop = new FakeLoop(() -> now);
    private final Recorder recorder = new Recorder();

    /** Completes all requests at once, and remembers them. */
    private static final class Recorder implements Storage {
        private final List<StorageRequest> submitted = new ArrayList<>();
        private final List<String> calls = new ArrayList<>();

        @Override
        public StorageInfo info() {
            return new StorageInfo(1 << 20, 512, false, true, true, true);
        }

        @Override
        public void start(EventLoop ownLoop) {
            calls.add("start");
        }

        @Override
        public void submit(StorageRequest request) {
            assertThat(request.tag()).as("tag").isZero();
            submitted.add(request);
            request.complete(0);
        }

        @Override
        public void kick() {
            calls.add("kick");
        }

        @Override
        public boolean poll() {
            calls.add("poll");
            return true;
        }

        @Override
        public void polling(boolean on) {
            calls.add("polling " + on);
        }

        @Override
        public void cancel() {
            calls.add("cancel");
        }

        @Override
        public void quiesce() {
            calls.add("quiesce");
        }

        @Override
        public void close() {
            calls.add("close");
        }
    }

    private LimitedStorage limited(StorageLimits limits) {
        var storage = new LimitedStorage(recorder, limits, () -> now);
        storage.start(loop);
        return storage;
    }

    private void pass(long nanoseconds) {
        long end = now + nanoseconds;
        while (loop.timersArmed() > 0 && loop.due() <= end) {
            now = Math.max(now, loop.due());
            loop.turn();
        }
        now = end;
    }

    private static List<FakeRequest> reads(LimitedStorage storage, int count, int length) {
        var requests = new ArrayList<FakeRequest>();
        for (int i = 0; i < count; i++) {
            requests.add(FakeRequest.read(0, length));
            storage.submit(requests.getLast());
        }
        return requests;
    }

    @Test
    void shouldLetABurstThroughAndThenTheSustainedRate() {
        var storage = limited(StorageLimits.NONE.withAll(new RateLimit(100, 10), RateLimit.NONE));
        var requests = reads(storage, 200, 512);
        assertThat(recorder.submitted).hasSize(10);
        pass(SECOND / 100 - 1);
        assertThat(recorder.submitted).hasSize(10);
        pass(1);
        assertThat(recorder.submitted).hasSize(11);
        pass(SECOND);
        assertThat(recorder.submitted).hasSize(111);
        pass(SECOND);
        assertThat(recorder.submitted).containsExactlyElementsOf(requests);
    }

    @Test
    void shouldSaveUpNoMoreThanABurst() {
        var storage = limited(StorageLimits.NONE.withAll(new RateLimit(100, 10), RateLimit.NONE));
        reads(storage, 10, 512);
        pass(100 * SECOND);
        reads(storage, 30, 512);
        assertThat(recorder.submitted).hasSize(20);
    }

    @Test
    void shouldLimitBytes() {
        var storage =
                limited(StorageLimits.NONE.withAll(RateLimit.NONE, new RateLimit(1 << 20, 8192)));
        reads(storage, 1000, 4096);
        assertThat(recorder.submitted).hasSize(2);
        pass(SECOND);
        assertThat(recorder.submitted).hasSize(2 + 256);
    }

    @Test
    void shouldLetARequestLargerThanABurstThroughAndHaveItPaidAfterwards() {
        var storage =
                limited(StorageLimits.NONE.withAll(RateLimit.NONE, new RateLimit(4096, 4096)));
        reads(storage, 2, 5 * 4096);
        assertThat(recorder.submitted).hasSize(1);
        pass(5 * SECOND - 1);
        assertThat(recorder.submitted).hasSize(1);
        pass(1);
        assertThat(recorder.submitted).hasSize(2);
    }

    @Test
    void shouldLimitReadsApartFromWrites() {
        var storage = limited(StorageLimits.NONE.withReads(new RateLimit(1, 1), RateLimit.NONE));
        reads(storage, 3, 512);
        for (int i = 0; i < 5; i++) {
            storage.submit(FakeRequest.write(0, new byte[512]));
        }
        assertThat(recorder.submitted).hasSize(6);
        pass(2 * SECOND);
        assertThat(recorder.submitted).hasSize(8);
    }

    @Test
    void shouldServeReadsAndWritesThatShareALimitInTheOrderTheyCame() {
        var storage = limited(StorageLimits.NONE.withAll(new RateLimit(10, 1), RateLimit.NONE));
        var requests = new ArrayList<StorageRequest>();
        for (int i = 0; i < 10; i++) {
            var request =
                    i % 3 == 0
                            ? FakeRequest.write(0, new byte[512])
                            : i % 3 == 1 ? FakeRequest.read(0, 512) : FakeRequest.discard(0, 512);
            requests.add(request);
            storage.submit(request);
        }
        pass(SECOND);
        assertThat(recorder.submitted).containsExactlyElementsOf(requests);
    }

    @Test
    void shouldCountADiscardAsOneWriteWithoutBytes() {
        var storage =
                limited(
                        StorageLimits.NONE.withWrites(
                                new RateLimit(1, 2), new RateLimit(512, 512)));
        storage.submit(FakeRequest.discard(0, 1 << 20));
        storage.submit(FakeRequest.discard(0, 1 << 20));
        storage.submit(FakeRequest.discard(0, 1 << 20));
        assertThat(recorder.submitted).hasSize(2);
    }

    @Test
    void shouldCountZerosAsIfTheyWereWritten() {
        var storage =
                limited(StorageLimits.NONE.withWrites(RateLimit.NONE, new RateLimit(512, 512)));
        storage.submit(FakeRequest.zero(0, 1024, true));
        storage.submit(FakeRequest.zero(0, 512, false));
        assertThat(recorder.submitted).hasSize(1);
        pass(2 * SECOND - 1);
        assertThat(recorder.submitted).hasSize(1);
        pass(1);
        assertThat(recorder.submitted).hasSize(2);
    }

    @Test
    void shouldNotLimitFlushes() {
        var storage = limited(StorageLimits.NONE.withAll(new RateLimit(1, 1), new RateLimit(1, 1)));
        reads(storage, 2, 512);
        for (int i = 0; i < 100; i++) {
            storage.submit(FakeRequest.flush());
        }
        assertThat(recorder.submitted).hasSize(101);
    }

    @Test
    void shouldKickTheEngineAfterATimer() {
        var storage = limited(StorageLimits.NONE.withAll(new RateLimit(1, 1), RateLimit.NONE));
        reads(storage, 2, 512);
        pass(SECOND);
        assertThat(recorder.calls).containsExactly("start", "kick");
        assertThat(loop.timersArmed()).isZero();
    }

    @Test
    void shouldLeaveWhatWaitsAloneWhenQuiesced() {
        var storage = limited(StorageLimits.NONE.withAll(new RateLimit(1, 1), RateLimit.NONE));
        var requests = reads(storage, 3, 512);
        storage.quiesce();
        assertThat(requests).extracting(FakeRequest::isDone).containsExactly(true, false, false);
        assertThat(recorder.calls).containsExactly("start", "quiesce");
        pass(2 * SECOND);
        assertThat(requests).extracting(FakeRequest::errno).containsOnly(0);
    }

    @Test
    void shouldServeWhatComesWhileOthersAreCancelled() {
        var storage = limited(StorageLimits.NONE.withAll(new RateLimit(1, 1), RateLimit.NONE));
        var late = FakeRequest.read(0, 512);
        reads(storage, 2, 512);
        storage.submit(FakeRequest.read(0, 512).whenDone(() -> storage.submit(late)));
        storage.cancel();
        assertThat(late.isDone()).isFalse();
        pass(SECOND);
        assertThat(late.errno()).isZero();
        assertThat(loop.timersArmed()).isZero();
    }

    @Test
    void shouldCancelWhatWaits() {
        var storage = limited(StorageLimits.NONE.withAll(new RateLimit(1, 1), RateLimit.NONE));
        var requests = reads(storage, 3, 512);
        storage.cancel();
        assertThat(requests)
                .extracting(FakeRequest::errno)
                .containsExactly(0, Errno.ECANCELED, Errno.ECANCELED);
        assertThat(recorder.calls).containsExactly("start", "cancel");
        assertThat(loop.timersArmed()).isZero();
        pass(SECOND);
        reads(storage, 1, 512);
        assertThat(recorder.submitted).hasSize(2);
    }

    @Test
    void shouldForwardEverythingElse() {
        var storage = limited(StorageLimits.NONE);
        storage.kick();
        storage.polling(true);
        assertThat(storage.poll()).isTrue();
        storage.polling(false);
        storage.close();
        assertThat(recorder.calls)
                .containsExactly("start", "kick", "polling true", "poll", "polling false", "close");
        assertThat(storage.info()).isEqualTo(recorder.info());
    }

    @Test
    void shouldNotAllocateWhenRequestsWait() {
        var request = FakeRequest.read(0, 512);
        var another = FakeRequest.write(0, new byte[512]);
        var engine = new NullStorage(4096);
        var storage =
                new LimitedStorage(
                        engine,
                        StorageLimits.NONE.withAll(new RateLimit(1000, 1), RateLimit.NONE),
                        () -> now);
        var waking = new WakingLoop();
        storage.start(waking);
        assertThat(
                        Allocation.of(() -> {
                            for (int i = 0; i < 1000; i++) {
                                storage.submit(request.again());
                                storage.submit(another.again());
                                now += SECOND / 500;
                                waking.expire();
                            }
                        }))
                .isZero();
    }

    @Test
    void shouldRefuseLimitsThatLetNothingThrough() {
        assertThatThrownBy(() -> new RateLimit(-1, 1)).hasMessageContaining("-1 per second");
        assertThatThrownBy(() -> new RateLimit(1, 0)).hasMessageContaining("burst of 0");
        assertThat(RateLimit.of(5)).isEqualTo(new RateLimit(5, 1));
        assertThat(RateLimit.of(1000)).isEqualTo(new RateLimit(1000, 100));
    }
}
