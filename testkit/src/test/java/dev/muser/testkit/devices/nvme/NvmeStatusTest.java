package dev.muser.testkit.devices.nvme;

import static org.assertj.core.api.Assertions.assertThat;

import dev.muser.client.nvme.IoOpcode;
import dev.muser.client.nvme.NvmeDriverOptions;
import dev.muser.client.nvme.Status;
import dev.muser.client.nvme.SubmissionEntry;
import dev.muser.devices.nvme.NamespaceOptions;
import dev.muser.devices.nvme.NvmeOptions;
import dev.muser.devices.storage.NullStorage;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Commands that are refused, and what with (NVMe base 1.4, 4.6.1 and 6). */
final class NvmeStatusTest {
    private static final int BLOCK = 4096;
    private static final long BLOCKS = 4096;
    private static final int READ_ONLY = 2;
    private static final int DETACHED = 3;

    /** NN, the highest identifier that a namespace could have. */
    private static final int MOST_NAMESPACES = 256;

    private static final int[] WITH_BLOCKS = {
        IoOpcode.READ, IoOpcode.WRITE, IoOpcode.COMPARE, IoOpcode.WRITE_ZEROES, IoOpcode.VERIFY
    };

    private final PatientStorage storage = new PatientStorage(BLOCK * BLOCKS);

    private Disk open() {
        return Disk.open(
                NvmeOptions.of(
                        "TEST",
                        List.of(
                                NamespaceOptions.of(storage, BLOCK, "first"),
                                namespace("read-only", true, true),
                                namespace("detached", false, false))),
                NvmeDriverOptions.DEFAULTS);
    }

    private static NamespaceOptions namespace(String name, boolean readOnly, boolean attached) {
        var uuid = NamespaceOptions.uuidOf(name);
        return new NamespaceOptions(
                new NullStorage(1 << 20), BLOCK, readOnly, attached, uuid, name);
    }

    private static SubmissionEntry entry(Disk disk, SubmissionEntry e, int opcode, int nsid) {
        return Disk.transfer(e, opcode, 0, 1, disk.data().iova()).nsid(nsid);
    }

    @ParameterizedTest(name = "opcode {0}")
    @ValueSource(ints = {0x03, 0x04, 0x06, 0x0a, 0x0d, 0x0e, 0x11, 0x15, 0x19, 0x7f, 0x80, 0xff})
    void shouldRefuseCommandsThatItDoesNotHave(int opcode) {
        try (var disk = open()) {
            for (int nsid : new int[] {1, 0, 2, 3, 0x1000, -1}) {
                assertThat(disk.status(e -> entry(disk, e, opcode, nsid)))
                        .as("namespace 0x%x", nsid)
                        .isEqualTo(Status.INVALID_OPCODE);
            }
        }
    }

    @ParameterizedTest(name = "opcode {0}")
    @ValueSource(ints = {0x00, 0x01, 0x02, 0x05, 0x08, 0x09, 0x0c})
    void shouldRefuseNamespacesThatAreNotThere(int opcode) {
        try (var disk = open()) {
            for (int nsid : new int[] {0, MOST_NAMESPACES + 1, 0x7fff_ffff, 0xffff_fffe}) {
                assertThat(disk.status(e -> entry(disk, e, opcode, nsid)))
                        .as("namespace 0x%x", nsid)
                        .isEqualTo(Status.INVALID_NAMESPACE);
            }
            // 6.1.5: an inactive one is an invalid field
            for (int nsid : new int[] {DETACHED, DETACHED + 1, MOST_NAMESPACES}) {
                assertThat(disk.status(e -> entry(disk, e, opcode, nsid)))
                        .as("namespace 0x%x", nsid)
                        .isEqualTo(Status.INVALID_FIELD);
            }
            if (opcode != IoOpcode.FLUSH) {
                assertThat(disk.status(e -> entry(disk, e, opcode, 0xffff_ffff)))
                        .isEqualTo(Status.INVALID_NAMESPACE);
            }
            assertThat(storage.asked).isEmpty();
        }
    }

    @Test
    void shouldRefuseBlocksBeyondTheEnd() {
        try (var disk = open()) {
            long[][] bad = {
                {BLOCKS, 1},
                {BLOCKS - 1, 2},
                {BLOCKS - 255, 256},
                {-1, 1},
                {-1, 2},
                {Long.MIN_VALUE, 1},
                {Long.MAX_VALUE, 1},
                {1L << 52, 1}, // whose offset in bytes wraps to 0
                {(1L << 52) - 1, 2},
                {1L << 32, 1}
            };
            for (int opcode : WITH_BLOCKS) {
                for (var range : bad) {
                    assertThat(disk.status(opcode, range[0], (int) range[1]))
                            .as("opcode %d, %d blocks from 0x%x", opcode, range[1], range[0])
                            .isEqualTo(Status.LBA_OUT_OF_RANGE);
                }
            }
            assertThat(storage.asked).isEmpty();
            for (int opcode : WITH_BLOCKS) {
                assertThat(disk.status(opcode, BLOCKS - 1, 1)).isZero();
            }
        }
    }

    @Test
    void shouldRefuseMoreThanItMoves() {
        try (var disk = open()) {
            int most = 1 << disk.driver.info().mdts();
            assertThat(most).isEqualTo(256);
            for (int opcode : new int[] {IoOpcode.READ, IoOpcode.WRITE, IoOpcode.COMPARE}) {
                assertThat(disk.status(opcode, 0, most + 1))
                        .as("opcode %d", opcode)
                        .isEqualTo(Status.INVALID_FIELD);
            }
            assertThat(storage.asked).isEmpty();
            // MDTS is about commands that move data
            assertThat(disk.status(IoOpcode.WRITE_ZEROES, 0, most + 1)).isZero();
            assertThat(disk.status(IoOpcode.VERIFY, 0, most + 1)).isZero();
        }
    }

    @Test
    void shouldRefuseToWriteWhereWritesAreRefused() {
        try (var disk = open()) {
            int[] writes = {IoOpcode.WRITE, IoOpcode.WRITE_ZEROES, IoOpcode.DATASET_MANAGEMENT};
            for (int opcode : writes) {
                assertThat(disk.status(e -> entry(disk, e, opcode, READ_ONLY)))
                        .as("opcode %d", opcode)
                        .isEqualTo(Status.NAMESPACE_WRITE_PROTECTED);
            }
            for (int opcode : new int[] {IoOpcode.READ, IoOpcode.VERIFY, IoOpcode.FLUSH}) {
                assertThat(disk.status(e -> entry(disk, e, opcode, READ_ONLY))).isZero();
            }
        }
    }

    @Test
    void shouldRefuseReservedValuesOfPsdtAndFuse() {
        try (var disk = open()) {
            for (int opcode :
                    new int[] {IoOpcode.READ, IoOpcode.WRITE, IoOpcode.DATASET_MANAGEMENT}) {
                assertThat(disk.status(e -> entry(disk, e, opcode, 1).psdt(3)))
                        .as("opcode %d", opcode)
                        .isEqualTo(Status.INVALID_FIELD);
                assertThat(disk.status(e -> entry(disk, e, opcode, 1).fuse(3)))
                        .as("opcode %d", opcode)
                        .isEqualTo(Status.INVALID_FIELD);
            }
            assertThat(storage.asked).isEmpty();
        }
    }

    @Test
    void shouldNotLookAtAMetadataPointerThatMeansNothing() {
        try (var disk = open()) {
            assertThat(disk.status(e -> entry(disk, e, IoOpcode.READ, 1).mptr(-1))).isZero();
            assertThat(disk.status(e -> entry(disk, e, IoOpcode.READ, 1).mptr(3))).isZero();
        }
    }

    @Test
    void shouldSayWhichCommandACompletionIsOf() {
        try (var disk = open()) {
            var pair = disk.driver.queue(0).pair();
            for (int i = 0; i < 100; i++) {
                int opcode = i % 2 == 0 ? IoOpcode.READ : 0x7f;
                entry(disk, pair.next(), opcode, 1).cid(0xff00 + i);
                pair.submit();
                disk.serveUntil(pair.completions()::advance);
                var completion = pair.completions().completion();
                assertThat(completion.commandId()).isEqualTo(0xff00 + i);
                assertThat(completion.submissionQueueId()).isEqualTo(1);
                assertThat(completion.submissionQueueHead())
                        .isEqualTo((i + 1) % pair.submissions().entries());
                assertThat(completion.doNotRetry()).isEqualTo(i % 2 != 0);
                pair.completions().acknowledge();
            }
        }
    }
}
