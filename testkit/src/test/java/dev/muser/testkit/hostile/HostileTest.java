package dev.muser.testkit.hostile;

import static org.assertj.core.api.Assertions.assertThat;

import dev.muser.device.pci.DeviceFactory;
import dev.muser.device.pci.PciDevice;
import dev.muser.linux.Fd;
import dev.muser.linux.MemoryFile;
import dev.muser.server.DeviceServer;
import dev.muser.server.Loop;
import dev.muser.server.LoopPolicy;
import dev.muser.server.ServerOptions;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.OptionalInt;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.TestInfo;

/**
 * A device whose clients mean harm, on one loop with the device of a client that does not.
 *
 * <p>After each test that other client has had every reply, each device that was attacked serves
 * its next client, and descriptors, mapped memory and heap are what they were before, while the
 * servers run on.
 */
abstract class HostileTest {
    /**
     * What JUnit and the JVM themselves may need more after a test; a leak for each of ten thousand
     * clients that takes 220 bytes is above.
     */
    private static final long HEAP_NOISE = 2 << 20;

    private final Deque<AutoCloseable> ofTest = new ArrayDeque<>();

    /** They run on while resources are counted: closed, they would hide what they keep. */
    private final Deque<AutoCloseable> serversOfTest = new ArrayDeque<>();

    private final List<Path> attacked = new ArrayList<>();
    private final Deque<AutoCloseable> ofFixture = new ArrayDeque<>();
    private Resources before = Resources.now();
    private long heapBefore;
    private Path folder = Path.of("");
    private int servers;

    /** Of the class's tests. */
    private static Duration longestWait = Duration.ZERO;

    Loop loop;
    Bystander bystander;

    /** Where the device under attack is. */
    Path socket;

    @BeforeEach
    final void serveBoth() throws IOException {
        folder = Files.createTempDirectory("muser");
        loop = Loop.start("hostile", LoopPolicy.BLOCKING, OptionalInt.empty());
        ofFixture.push(loop);
        socket = serve(ofFixture, Puppet::new, ServerOptions.DEFAULTS);
        attacked.add(socket);
        bystander = new Bystander(serve(ofFixture, Puppet::new, ServerOptions.DEFAULTS));
        ofFixture.push(bystander);
        bystander.expectUnharmed();
        before = Resources.now();
        expectNextServed(socket);
        awaitResources();
        heapBefore = bystander.heap();
    }

    private Path serve(Deque<AutoCloseable> whose, DeviceFactory factory, ServerOptions options) {
        var path = folder.resolve("s" + servers++);
        whose.push(server(factory, path, options));
        return path;
    }

    /** Makes a server on the loop. */
    AutoCloseable server(DeviceFactory factory, Path path, ServerOptions options) {
        return DeviceServer.listen(loop, given -> PciDevice.create(factory, given), path, options);
    }

    /** Serves another device on the same loop. */
    Path serve(DeviceFactory factory, ServerOptions options) {
        bystander.expectUnharmed(); // turns of the loop: who has left is gone
        var without = Resources.now();
        var path = serve(serversOfTest, factory, options);
        bystander.expectUnharmed();
        before = before.plus(Resources.now().minus(without));
        attacked.add(path);
        return path;
    }

    <T extends AutoCloseable> T closing(T what) {
        ofTest.push(what);
        return what;
    }

    HostileClient connect(Path path) {
        return closing(HostileClient.connect(path));
    }

    /** A client that has said nothing yet. */
    HostileClient connect() {
        return connect(socket);
    }

    /** A client with a session. */
    HostileClient negotiated() {
        return connect().negotiate();
    }

    Fd memory(long size) {
        return closing(MemoryFile.create("hostile", size));
    }

    /** A new client is served in full; it leaves again. */
    static void expectNextServed(Path path) {
        try (var next = HostileClient.connect(path).negotiate();
                var file = MemoryFile.create("next", 4096)) {
            next.expectServed();
            next.map(0, 4096, file);
            var id = next.ask(Requests.REGION_READ, Requests.regionRead(7, 0, 4)).succeeded(20);
            if (id.u32(16) == Puppet.ID) {
                assertThat(Transfers.run(next, Puppet.Order.DMA_WRITE, 0, 4)).isZero();
            }
        }
    }

    @AfterEach
    final void expectNothingChanged() throws Exception {
        try {
            bystander.expectUnharmed();
            closeAll(ofTest);
            attacked.forEach(HostileTest::expectNextServed);
            bystander.expectUnharmed();
            expectResourcesAsBefore();
        } finally {
            closeAll(ofTest);
            closeAll(serversOfTest);
            noteWait();
            closeAll(ofFixture);
            Files.deleteIfExists(folder);
        }
    }

    private void noteWait() {
        if (bystander.longestWait().compareTo(longestWait) > 0) {
            longestWait = bystander.longestWait();
        }
    }

    @AfterAll
    static void tellLongestWait(TestInfo test) {
        System.out.printf(
                "%s: the other client waited %d ms at most%n",
                test.getDisplayName(), longestWait.toMillis());
        longestWait = Duration.ZERO;
    }

    /** A session ends in the turn after its client has left. */
    private void awaitResources() {
        for (int i = 0; i < 500 && !Resources.now().equals(before); i++) {
            LockSupport.parkNanos(10_000_000);
        }
    }

    private void expectResourcesAsBefore() {
        awaitResources();
        assertThat(Resources.now()).as("descriptors and mappings after the test").isEqualTo(before);
        expectHeapAsBefore();
    }

    final void expectHeapAsBefore() {
        long heap = bystander.heap();
        for (int i = 0; i < 20 && heap >= heapBefore + HEAP_NOISE; i++) {
            LockSupport.parkNanos(50_000_000); // threads that end still hold what they had
            heap = bystander.heap();
        }
        assertThat(heap)
                .as("bytes of the heap; before the test were %d", heapBefore)
                .isLessThan(heapBefore + HEAP_NOISE);
    }

    private static void closeAll(Deque<AutoCloseable> what) throws Exception {
        while (!what.isEmpty()) {
            what.pop().close();
        }
    }
}
