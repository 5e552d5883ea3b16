package dev.muser.device.pci;

import static org.assertj.core.api.Assertions.assertThat;

import dev.muser.device.DmaAccess;
import dev.muser.device.ManualLoop;
import dev.muser.device.state.DeviceHome;
import dev.muser.device.state.StateSegment;
import dev.muser.linux.MemoryFile;
import dev.muser.linux.PidFd;
import dev.muser.service.LocalStore;
import dev.muser.service.Predecessor;
import java.io.IOException;
import java.time.Duration;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** A device goes on in the place of a process that is still ending. */
class PredecessorTest {
    private final ManualLoop loop = new ManualLoop();
    private final LocalStore store = new LocalStore();
    private final Process process;
    private @Nullable GuestMemory memory;

    PredecessorTest() throws IOException {
        process = new ProcessBuilder("sleep", "1000").start();
    }

    @AfterEach
    void end() {
        process.destroyForcibly();
    }

    private Device make(DeviceContext context) {
        context.identity(0x1234, 0x5678);
        memory = context.memory();
        return new Device() {};
    }

    /** What one process does, which then dies. */
    private StateSegment begin(boolean byAddress) {
        var segment = StateSegment.create("test");
        var device = PciDevice.create(this::make, loop, new DeviceHome(segment, store));
        device.attach(null);
        var file = MemoryFile.create("predecessor-test", 0x1000);
        device.mapDma(0, 0x1000, DmaAccess.READ_WRITE, file, 0);
        var list = Objects.requireNonNull(memory).scatterList();
        list.add(0, 0x1000);
        assertThat(list.resolve(DmaAccess.READ_WRITE)).isZero();
        if (byAddress) {
            assertThat(list.address(0)).isNotZero();
        }
        segment.commit();
        segment.ready();
        return segment;
    }

    private void goOn(StateSegment segment) {
        var left = Objects.requireNonNull(StateSegment.open(segment.fd().duplicate(), "test"));
        try (var before = new Predecessor(PidFd.open(process.pid()), process.pid(), () -> {})) {
            var device =
                    PciDevice.create(this::make, loop, new DeviceHome(left, store, true, before));
            device.attach(null);
            device.restored();
            device.close();
        }
    }

    @Test
    void shouldAwaitItsEndWhenTheSystemMayWriteForIt() {
        var segment = begin(true);
        // asked of the kernel: java.lang.Process hears of an end later, by a thread of its own
        try (var kernel = PidFd.open(process.pid())) {
            Thread.ofPlatform().start(this::endInAWhile);
            goOn(segment);
            assertThat(kernel.awaitExit(Duration.ZERO)).isTrue();
        }
    }

    /** Late, for one that does not wait to be found out. */
    private void endInAWhile() {
        try {
            TimeUnit.MILLISECONDS.sleep(300);
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
        process.destroyForcibly();
    }

    @Test
    void shouldNotAwaitItsEndOtherwise() {
        goOn(begin(false));
        assertThat(process.isAlive()).isTrue();
    }
}
