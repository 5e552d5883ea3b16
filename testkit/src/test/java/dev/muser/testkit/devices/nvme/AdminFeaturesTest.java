package dev.muser.testkit.devices.nvme;

import static dev.muser.testkit.devices.nvme.AdminRig.ALL;
import static dev.muser.testkit.devices.nvme.AdminRig.u64;
import static dev.muser.testkit.devices.nvme.AdminRig.u8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.muser.client.DmaMemory;
import dev.muser.client.nvme.AdminOpcode;
import dev.muser.client.nvme.NvmeException;
import dev.muser.client.nvme.Status;
import dev.muser.device.DmaAccess;
import dev.muser.devices.nvme.NamespaceOptions;
import dev.muser.devices.storage.NullStorage;
import dev.muser.devices.storage.StorageOperation;
import java.lang.foreign.MemorySegment;
import java.util.UUID;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Get Features and Set Features, as NVMe base 1.4, 5.13, 5.21 and 7.8 have them. */
class AdminFeaturesTest {
    private static final int ARBITRATION = 0x01;
    private static final int POWER = 0x02;
    private static final int TEMPERATURE = 0x04;
    private static final int ERROR_RECOVERY = 0x05;
    private static final int WRITE_CACHE = 0x06;
    private static final int QUEUES = 0x07;
    private static final int COALESCING = 0x08;
    private static final int VECTOR = 0x09;
    private static final int ATOMICITY = 0x0a;
    private static final int EVENTS = 0x0b;
    private static final int TIMESTAMP = 0x0e;
    private static final int KEEP_ALIVE = 0x0f;
    private static final int HOST_BEHAVIOR = 0x16;
    private static final int HOST_ID = 0x81;
    private static final int WRITE_PROTECTION = 0x84;

    // SEL of Get Features, SV of Set Features
    private static final int DEFAULT = 1 << 8;
    private static final int SAVED = 2 << 8;
    private static final int CAPABILITIES = 3 << 8;
    private static final int SAVE = 1 << 31;

    private final HeldStorage storage = HeldStorage.cached(1 << 20);

    @RegisterExtension
    final AdminRig rig =
            new AdminRig(
                    NamespaceOptions.of(storage, 512, "disk"),
                    new NamespaceOptions(
                            new NullStorage(1 << 20), 512, true, true, UUID.randomUUID(), "ro"),
                    new NamespaceOptions(
                            new NullStorage(1 << 20), 512, false, false, UUID.randomUUID(), "no"));

    private int get(int cdw10, int nsid, int cdw11) {
        return rig.result(AdminOpcode.GET_FEATURES, e -> e.nsid(nsid).cdw10(cdw10).cdw11(cdw11));
    }

    private int getStatus(int cdw10, int nsid, int cdw11) {
        return rig.status(AdminOpcode.GET_FEATURES, e -> e.nsid(nsid).cdw10(cdw10).cdw11(cdw11));
    }

    private int setStatus(int cdw10, int nsid, int cdw11) {
        return rig.status(AdminOpcode.SET_FEATURES, e -> e.nsid(nsid).cdw10(cdw10).cdw11(cdw11));
    }

    private void set(int cdw10, int nsid, int cdw11) {
        assertThat(setStatus(cdw10, nsid, cdw11)).isEqualTo(Status.SUCCESS);
    }

    @ParameterizedTest
    @CsvSource({
        "0x01, 0x7, 0x02030405", // arbitration
        "0x02, 0, 0x20", // power management: a workload hint
        "0x04, 343, 300", // over temperature
        "0x06, 1, 0", // volatile write cache
        "0x08, 0, 0x0a05", // interrupt coalescing
        "0x0a, 0, 1", // write atomicity
        "0x0b, 0, 0x1ff", // asynchronous events
        "0x0f, 0, 300000", // keep alive
    })
    void shouldRememberAValueUntilAReset(String feature, String byDefault, String value) {
        int id = Integer.decode(feature);
        int initial = Integer.decode(byDefault);
        assertThat(get(id, 0, 0)).isEqualTo(initial);
        set(id, 0, Integer.decode(value));
        assertThat(get(id, 0, 0)).isEqualTo(Integer.decode(value));
        assertThat(get(id | DEFAULT, 0, 0)).as("default").isEqualTo(initial);
        assertThat(get(id | SAVED, 0, 0)).as("nothing is saved").isEqualTo(initial);
        assertThat(get(id | CAPABILITIES, 0, 0)).as("changeable").isEqualTo(4);
        rig.driver.reset();
        assertThat(get(id, 0, 0)).as("after a reset").isEqualTo(initial);
    }

    @ParameterizedTest
    @ValueSource(ints = {0x00, 0x03, 0x0c, 0x0d, 0x10, 0x17, 0x80, 0x82, 0x83, 0xc0, 0xff})
    void shouldRefuseOtherFeatures(int id) {
        assertThat(getStatus(id, 0, 0)).isEqualTo(Status.INVALID_FIELD);
        assertThat(setStatus(id, 0, 0)).isEqualTo(Status.INVALID_FIELD);
    }

    @Test
    void shouldRefuseToSaveAndReservedSelections() {
        assertThat(setStatus(ARBITRATION | SAVE, 0, 0)).isEqualTo(Status.FEATURE_NOT_SAVEABLE);
        assertThat(getStatus(ARBITRATION | 4 << 8, 0, 0)).isEqualTo(Status.INVALID_FIELD);
        assertThat(getStatus(ARBITRATION | 7 << 8, 0, 0)).isEqualTo(Status.INVALID_FIELD);
    }

    @Test
    void shouldRefuseToSetFeaturesOfTheControllerForANamespace() {
        assertThat(setStatus(ARBITRATION, 1, 0)).isEqualTo(Status.FEATURE_NOT_NAMESPACE_SPECIFIC);
        assertThat(setStatus(ARBITRATION, 300, 0)).isEqualTo(Status.INVALID_NAMESPACE);
        set(ARBITRATION, ALL, 3);
    }

    @Test
    void shouldRefuseBadNamespacesOfNamespaceFeatures() {
        for (int id : new int[] {ERROR_RECOVERY, WRITE_PROTECTION}) {
            assertThat(getStatus(id, 0, 0)).isEqualTo(Status.INVALID_NAMESPACE);
            assertThat(getStatus(id, ALL, 0)).isEqualTo(Status.INVALID_NAMESPACE);
            assertThat(getStatus(id, 257, 0)).isEqualTo(Status.INVALID_NAMESPACE);
            assertThat(getStatus(id, 3, 0)).as("not attached").isEqualTo(Status.INVALID_FIELD);
            assertThat(setStatus(id, 0, 0)).isEqualTo(Status.INVALID_NAMESPACE);
            assertThat(setStatus(id, 3, 0)).isEqualTo(Status.INVALID_FIELD);
            assertThat(get(id | CAPABILITIES, 1, 0)).as("of a namespace").isEqualTo(6);
        }
    }

    @Test
    void shouldKeepErrorRecoveryForEachNamespace() {
        set(ERROR_RECOVERY, 1, 77);
        assertThat(get(ERROR_RECOVERY, 1, 0)).isEqualTo(77);
        assertThat(get(ERROR_RECOVERY, 2, 0)).isZero();
        set(ERROR_RECOVERY, ALL, 5);
        assertThat(get(ERROR_RECOVERY, 2, 0)).isEqualTo(5);
        assertThat(setStatus(ERROR_RECOVERY, 1, 1 << 16)).isEqualTo(Status.INVALID_FIELD);
    }

    @Test
    void shouldHaveOnePowerState() {
        assertThat(setStatus(POWER, 0, 1)).isEqualTo(Status.INVALID_FIELD);
    }

    @Test
    void shouldKnowThresholdsOfTheCompositeTemperatureOnly() {
        int under = 1 << 20;
        assertThat(get(TEMPERATURE, 0, under)).isZero();
        set(TEMPERATURE, 0, under | 280);
        assertThat(get(TEMPERATURE, 0, under)).isEqualTo(280);
        assertThat(get(TEMPERATURE, 0, 0)).isEqualTo(343);
        set(TEMPERATURE, 0, 0xf << 16 | 350); // all sensors
        assertThat(get(TEMPERATURE, 0, 0)).isEqualTo(350);
        assertThat(getStatus(TEMPERATURE, 0, 1 << 16)).isEqualTo(Status.INVALID_FIELD);
        assertThat(setStatus(TEMPERATURE, 0, 1 << 16)).isEqualTo(Status.INVALID_FIELD);
        assertThat(setStatus(TEMPERATURE, 0, 2 << 20)).isEqualTo(Status.INVALID_FIELD);
    }

    @Test
    void shouldWarnOfATemperatureBeyondAThreshold() {
        set(TEMPERATURE, 0, 313);
        assertThat(u8(rig.driver.admin().getLogPage(2, ALL, 512, 0), 0)).isEqualTo(2);
        set(TEMPERATURE, 0, 314);
        assertThat(u8(rig.driver.admin().getLogPage(2, ALL, 512, 0), 0)).isZero();
    }

    @Test
    void shouldWriteThroughWhileTheCacheIsOff() {
        var sync = rig.driver.sync(rig.driver.namespaces().getFirst());
        try (var data = rig.dma().allocate(4096, DmaAccess.READ_WRITE, DmaMemory.PAGES)) {
            sync.write(0, 1, data, 0);
            assertThat(storage.forced).isFalse();
            storage.seen.clear();
            set(WRITE_CACHE, 0, 0);
            assertThat(storage.seen).containsExactly(StorageOperation.FLUSH);
            sync.write(0, 1, data, 0);
            assertThat(storage.forced).isTrue();
            sync.writeZeroes(0, 1);
            assertThat(storage.forced).isTrue();
            set(WRITE_CACHE, 0, 1);
            sync.write(0, 1, data, 0);
            assertThat(storage.forced).isFalse();
        }
    }

    @Test
    void shouldHaveNoCacheFeatureWhereThereIsNoCache() {
        rig.nvme.removeNamespace(1);
        assertThat(getStatus(WRITE_CACHE, 0, 0)).isEqualTo(Status.INVALID_FIELD);
        assertThat(setStatus(WRITE_CACHE, 0, 0)).isEqualTo(Status.INVALID_FIELD);
        assertThat(rig.driver.admin().identifyController().vwc()).isEqualTo(6);
    }

    @Test
    void shouldGiveQueuesBeforeThereAreAny() {
        assertThat(setStatus(QUEUES, 0, 1 << 16 | 1)).isEqualTo(Status.SEQUENCE_ERROR);
        rig.driver.admin().deleteSubmissionQueue(1);
        rig.driver.admin().deleteCompletionQueue(1);
        assertThat(rig.driver.admin().setFeature(QUEUES, 0, 0x00ff_0002)).isEqualTo(3 << 16 | 2);
        assertThat(get(QUEUES, 0, 0)).isEqualTo(3 << 16 | 2);
        assertThat(get(QUEUES | DEFAULT, 0, 0)).isEqualTo(3 << 16 | 3);
        assertThat(setStatus(QUEUES, 0, 0xffff)).isEqualTo(Status.INVALID_FIELD);
        assertThat(setStatus(QUEUES, 0, 0xffff << 16)).isEqualTo(Status.INVALID_FIELD);
    }

    @Test
    void shouldConfigureVectors() {
        int vectors = 1; // interrupts are INTx as long as MSI-X is off
        assertThat(get(VECTOR, 0, 0)).isZero();
        set(VECTOR, 0, 1 << 16);
        assertThat(get(VECTOR, 0, 0)).isEqualTo(1 << 16);
        assertThat(get(VECTOR | DEFAULT, 0, 0)).isZero();
        assertThat(getStatus(VECTOR, 0, vectors)).isEqualTo(Status.INVALID_FIELD);
        assertThat(setStatus(VECTOR, 0, 0xffff)).isEqualTo(Status.INVALID_FIELD);
        set(COALESCING, 0, 0);
        set(ATOMICITY, 0, 0xffff_fffe);
        assertThat(get(ATOMICITY, 0, 0)).isZero();
    }

    @Test
    void shouldCountTimeFromWhatTheDriverHasSet() {
        var admin = rig.driver.admin();
        admin.getFeature(TIMESTAMP, 0, 0);
        assertThat(u64(admin.featureData(8), 0) >>> 49).as("origin: reset").isZero();
        var time = MemorySegment.ofArray(new long[] {0x0123_4567_89ab_0000L & 0xffff_ffff_ffffL});
        admin.setFeature(TIMESTAMP, 0, 0, time);
        admin.getFeature(TIMESTAMP, 0, 0);
        long now = u64(admin.featureData(8), 0);
        assertThat(now >>> 48).as("origin: set").isEqualTo(2);
        assertThat(now & 0xffff_ffff_ffffL).isBetween(0x4567_89ab_0000L, 0x4567_89bb_0000L);
        rig.driver.reset();
        admin.getFeature(TIMESTAMP, 0, 0);
        assertThat(u64(admin.featureData(8), 0) >>> 48).as("origin: reset").isZero();
    }

    @Test
    void shouldKnowAHostIdentifierOf64Or128Bits() {
        var admin = rig.driver.admin();
        admin.setFeature(HOST_ID, 0, 1, MemorySegment.ofArray(new long[] {5, 6}));
        admin.getFeature(HOST_ID, 0, 1);
        assertThat(u64(admin.featureData(16), 0)).isEqualTo(5);
        assertThat(u64(admin.featureData(16), 8)).isEqualTo(6);
        admin.setFeature(HOST_ID, 0, 0, MemorySegment.ofArray(new long[] {7}));
        admin.getFeature(HOST_ID, 0, 0);
        assertThat(u64(admin.featureData(8), 0)).isEqualTo(7);
        rig.driver.reset();
        admin.getFeature(HOST_ID, 0, 0);
        assertThat(u64(admin.featureData(8), 0)).isZero();
    }

    @Test
    void shouldKnowHostBehavior() {
        var admin = rig.driver.admin();
        var behavior = new byte[512];
        behavior[0] = 1;
        admin.setFeature(HOST_BEHAVIOR, 0, 0, MemorySegment.ofArray(behavior));
        admin.getFeature(HOST_BEHAVIOR, 0, 0);
        assertThat(u8(admin.featureData(512), 0)).isEqualTo(1);
        behavior[0] = 2;
        assertThatThrownBy(() ->
                        admin.setFeature(HOST_BEHAVIOR, 0, 0, MemorySegment.ofArray(behavior)))
                .isInstanceOfSatisfying(
                        NvmeException.class,
                        e -> assertThat(e.status()).isEqualTo(Status.INVALID_FIELD));
    }

    @Test
    void shouldRefuseFeatureDataThatIsNotThere() {
        assertThat(rig.status(AdminOpcode.SET_FEATURES, e -> e.cdw10(TIMESTAMP).prp1(1L << 60)))
                .isEqualTo(Status.DATA_TRANSFER_ERROR);
    }

    @Test
    void shouldProtectANamespace() {
        var sync = rig.driver.sync(rig.driver.namespaces().getFirst());
        storage.seen.clear();
        set(WRITE_PROTECTION, 1, 1);
        assertThat(storage.seen).as("cached data").containsExactly(StorageOperation.FLUSH);
        assertThat(get(WRITE_PROTECTION, 1, 0)).isEqualTo(1);
        assertThat(u8(rig.driver.admin().identify(0, 1, 0), 99)).as("NSATTR").isEqualTo(1);
        assertThatThrownBy(() -> sync.writeZeroes(0, 1))
                .isInstanceOfSatisfying(
                        NvmeException.class,
                        e -> assertThat(e.status()).isEqualTo(Status.NAMESPACE_WRITE_PROTECTED));
        rig.driver.reset();
        assertThat(get(WRITE_PROTECTION, 1, 0)).as("after a reset").isEqualTo(1);
        set(WRITE_PROTECTION, 1, 0);
        sync.writeZeroes(0, 1);
        assertThat(setStatus(WRITE_PROTECTION, 1, 2)).isEqualTo(Status.INVALID_FIELD);
        assertThat(get(WRITE_PROTECTION, 2, 0)).as("a read-only one").isEqualTo(1);
        assertThat(setStatus(WRITE_PROTECTION, 2, 0)).isEqualTo(Status.FEATURE_NOT_CHANGEABLE);
    }

    @Test
    void shouldRoundTheKeepAliveTimeoutUp() {
        set(KEEP_ALIVE, 0, 299_901);
        assertThat(get(KEEP_ALIVE, 0, 0)).isEqualTo(300_000);
        rig.driver.admin().keepAlive();
        set(KEEP_ALIVE, 0, 0);
        assertThat(get(KEEP_ALIVE, 0, 0)).isZero();
    }

    @Test
    void shouldStopWithFatalStatusWhenItIsNotKeptAlive() {
        set(KEEP_ALIVE, 0, 1);
        while ((rig.driver.registers().csts() & 2) == 0) {
            rig.turn(); // a limit of time is the test run's
        }
        rig.driver.reset();
        assertThat(rig.driver.registers().csts()).as("ready, not fatal").isEqualTo(1);
        assertThat(get(KEEP_ALIVE, 0, 0)).isZero();
    }

    @Test
    void shouldStoreWhichEventsThereAre() {
        set(EVENTS, 0, 0xffff_ffff);
        assertThat(get(EVENTS, 0, 0)).as("those that it knows").isEqualTo(0x1ff);
    }
}
