package dev.muser.testkit.devices.nvme;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static org.assertj.core.api.Assertions.assertThat;

import dev.muser.client.DmaBuffer;
import dev.muser.client.DmaMemory;
import dev.muser.client.PciFunction;
import dev.muser.client.nvme.AdminCommands;
import dev.muser.client.nvme.AsyncEvent;
import dev.muser.client.nvme.IoOpcode;
import dev.muser.client.nvme.NvmeDriver;
import dev.muser.client.nvme.NvmeDriverOptions;
import dev.muser.client.nvme.QueuePair;
import dev.muser.client.nvme.Status;
import dev.muser.client.nvme.SubmissionEntry;
import dev.muser.device.DmaAccess;
import dev.muser.devices.nvme.NamespaceOptions;
import dev.muser.devices.storage.MemoryStorage;
import dev.muser.devices.storage.Storage;
import dev.muser.service.DescriptorStore;
import java.lang.foreign.ValueLayout;
import java.util.BitSet;
import java.util.List;
import java.util.Random;
import java.util.function.ObjIntConsumer;

/** All that a driver may do with a disk, once, and what has to come of it. */
final class RestartScenario {
    private static final int BLOCKS = 8;
    private static final int PAGE = 4096;
    private static final int NOTICES = 1 << 8;
    private static final long PATIENCE = 20_000_000_000L;

    private final RestartableDisk disk;
    private final PciFunction function;
    private final NvmeDriver driver;
    private final DmaBuffer data;

    RestartScenario(RestartableDisk disk, PciFunction function, NvmeDriverOptions options) {
        this.disk = disk;
        this.function = function;
        driver = NvmeDriver.open(function, options);
        data = function.dma().allocate(16L * PAGE, DmaAccess.READ_WRITE, options.memory());
    }

    /** Returns two namespaces as a process opens them. */
    static List<NamespaceOptions> namespaces(DescriptorStore store, boolean slow, Runnable step) {
        return List.of(
                NamespaceOptions.of(storage(store.under("1."), slow, step), 512, "first"),
                NamespaceOptions.of(storage(store.under("2."), slow, step), 512, "second"));
    }

    private static Storage storage(DescriptorStore store, boolean slow, Runnable step) {
        var memory = new MemoryStorage(1 << 20, store);
        return slow ? new ShuffledStorage(memory, new Random(1), step) : memory;
    }

    void run() {
        writeAndRead();
        compareAndWrite();
        features();
        queues();
        attachment();
        format();
        reset();
        driver.close();
    }

    // ---- commands ----

    private BitSet[] send(int queue, int count, ObjIntConsumer<SubmissionEntry> writer) {
        return send(driver.queue(queue).pair(), count, writer);
    }

    /** Sends commands; returns which of them have succeeded, and which have been refused. */
    private BitSet[] send(QueuePair pair, int count, ObjIntConsumer<SubmissionEntry> writer) {
        for (int i = 0; i < count; i++) {
            writer.accept(pair.next().cid(i).nsid(1), i);
        }
        pair.submit();
        return await(pair, count);
    }

    private BitSet[] await(QueuePair pair, int count) {
        var good = new BitSet();
        var bad = new BitSet();
        var completions = pair.completions();
        long end = System.nanoTime() + PATIENCE;
        while (good.cardinality() + bad.cardinality() < count) {
            if (completions.advance()) {
                var completion = completions.completion();
                int id = completion.commandId();
                assertThat(good.get(id) || bad.get(id)).as("twice: %s", completion).isFalse();
                (completion.isSuccess() ? good : bad).set(id);
                completions.acknowledge();
            } else {
                disk.serve();
                assertThat(System.nanoTime()).as("good %s bad %s", good, bad).isLessThan(end);
            }
        }
        disk.serve();
        assertThat(completions.advance()).as("one more").isFalse();
        return new BitSet[] {good, bad};
    }

    private void assertGood(int count, BitSet[] outcome) {
        assertThat(outcome[0].cardinality()).isEqualTo(count);
    }

    private SubmissionEntry transfer(SubmissionEntry entry, int opcode, int lba, int page) {
        return entry.opcode(opcode).lba(lba).cdw12(BLOCKS - 1).prp1(data.iova((long) page * PAGE));
    }

    private void fill(int page, int value) {
        data.segment().asSlice((long) page * PAGE, PAGE).fill((byte) value);
    }

    private void assertReads(int lba, int value) {
        fill(15, 0x77);
        assertGood(1, send(0, 1, (e, i) -> transfer(e, IoOpcode.READ, lba, 15)));
        assertThat(data.segment().asSlice(15L * PAGE, PAGE).toArray(JAVA_BYTE)).containsOnly(value);
    }

    private void writeAndRead() {
        for (int i = 0; i < 4; i++) {
            fill(i, 10 + i);
            fill(4 + i, 20 + i);
        }
        // both queues at once
        var second = driver.queue(1).pair();
        for (int i = 0; i < 4; i++) {
            transfer(second.next().cid(i).nsid(1), IoOpcode.WRITE, 100 + BLOCKS * i, 4 + i);
        }
        second.submit();
        assertGood(4, send(0, 4, (e, i) -> transfer(e, IoOpcode.WRITE, BLOCKS * i, i)));
        assertGood(4, await(second, 4));
        assertGood(1, send(0, 1, (e, i) -> e.opcode(IoOpcode.FLUSH)));
        for (int i = 0; i < 4; i++) {
            assertReads(BLOCKS * i, 10 + i);
            assertReads(100 + BLOCKS * i, 20 + i);
        }
        assertGood(
                1,
                send(0, 1, (e, i) -> e.opcode(IoOpcode.WRITE_ZEROES).lba(100).cdw12(BLOCKS - 1)));
        assertReads(100, 0);
    }

    private void compareAndWrite() {
        fill(0, 10);
        fill(1, 30);
        ObjIntConsumer<SubmissionEntry> pair =
                (e, i) -> {
                    if (i == 0) {
                        transfer(e, IoOpcode.COMPARE, 0, 0).fuse(SubmissionEntry.FUSE_FIRST);
                    } else {
                        transfer(e, IoOpcode.WRITE, 0, 1).fuse(SubmissionEntry.FUSE_SECOND);
                    }
                };
        assertGood(2, send(0, 2, pair));
        assertReads(0, 30);
        var outcome = send(0, 2, pair); // no longer as expected
        assertThat(outcome[1].cardinality()).isEqualTo(2);
        assertReads(0, 30);
    }

    private void features() {
        var admin = driver.admin();
        admin.setFeature(1, 0, 0x0102_0303);
        admin.setFeature(8, 0, 0x0000_0001);
        assertThat(admin.getFeature(1, 0, 0)).isEqualTo(0x0102_0303);
        assertThat(admin.getFeature(8, 0, 0)).isEqualTo(1);
        admin.setFeature(8, 0, 0);
    }

    /** Another pair, deleted while it is at work. */
    private void queues() {
        var admin = driver.admin();
        admin.deleteSubmissionQueue(3);
        admin.deleteCompletionQueue(3);
        try (var pair = new QueuePair(driver.doorbells(), 3, 5, function.dma(), DmaMemory.PAGES)) {
            admin.createCompletionQueue(pair.completions());
            admin.createSubmissionQueue(pair.submissions(), 0);
            pair.reset();
            assertGood(3, send(pair, 3, (e, i) -> transfer(e, IoOpcode.READ, BLOCKS * i, i)));
            for (int i = 0; i < 3; i++) {
                transfer(pair.next().cid(i).nsid(1), IoOpcode.READ, BLOCKS * i, i);
            }
            pair.submit();
            admin.deleteSubmissionQueue(3);
            var seen = new BitSet();
            while (pair.completions().advance()) {
                int id = pair.completions().completion().commandId();
                assertThat(seen.get(id)).isFalse();
                seen.set(id);
            }
            admin.deleteCompletionQueue(3);
            assertThat(pair.completions().advance()).isFalse();
        }
    }

    private void assertEvent() {
        AsyncEvent event = null;
        long end = System.nanoTime() + PATIENCE;
        while (event == null) {
            event = driver.takeEvent();
            assertThat(System.nanoTime()).as("no event").isLessThan(end);
        }
        assertThat(event.type()).isEqualTo(AsyncEvent.NOTICE);
        var list = driver.admin().getLogPage(AdminCommands.LOG_CHANGED_NAMESPACES, -1, 4096, 0);
        assertThat(list.get(ValueLayout.JAVA_INT, 0)).isEqualTo(2);
        assertThat(list.get(ValueLayout.JAVA_INT, 4)).isZero();
        assertThat(driver.takeEvent()).as("one more").isNull();
    }

    private void attachment() {
        var admin = driver.admin();
        admin.setFeature(AdminCommands.FEATURE_ASYNC_EVENTS, 0, NOTICES);
        assertThat(admin.activeNamespaces()).containsExactly(1, 2);
        admin.attachNamespace(2, false, 1);
        assertThat(admin.activeNamespaces()).containsExactly(1);
        assertEvent();
        admin.attachNamespace(2, true, 1);
        assertThat(admin.activeNamespaces()).containsExactly(1, 2);
        assertEvent();
    }

    private void format() {
        fill(0, 5);
        assertGood(1, send(0, 1, (e, i) -> transfer(e.nsid(2), IoOpcode.WRITE, 0, 0)));
        driver.admin().format(2, 1);
        assertEvent();
        assertThat(driver.admin().identifyNamespace(2).blockSize()).isEqualTo(4096);
        fill(0, 6);
        assertGood(1, send(0, 1, (e, i) -> transfer(e.nsid(2), IoOpcode.READ, 0, 0).cdw12(0)));
        assertThat(data.segment().asSlice(0, PAGE).toArray(JAVA_BYTE)).containsOnly(0);
    }

    /** Data, the block size and what is attached stay; the rest begins anew. */
    private void reset() {
        driver.reset();
        assertReads(0, 30);
        assertReads(BLOCKS, 11);
        assertThat(driver.admin().getFeature(1, 0, 0)).isEqualTo(7);
        assertThat(driver.admin().identifyNamespace(2).blockSize()).isEqualTo(4096);
        var status = send(0, 1, (e, i) -> transfer(e, IoOpcode.READ, 1 << 20, 0))[1].cardinality();
        assertThat(status).as("%s", Status.LBA_OUT_OF_RANGE).isEqualTo(1);
    }
}
