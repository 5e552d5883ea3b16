package dev.muser.testkit.devices.nvme;

import static dev.muser.testkit.devices.nvme.AdminRig.ALL;
import static org.assertj.core.api.Assertions.assertThat;

import dev.muser.client.nvme.AdminOpcode;
import dev.muser.client.nvme.AsyncEvent;
import dev.muser.client.nvme.NvmeDriverOptions;
import dev.muser.client.nvme.Status;
import dev.muser.devices.nvme.NamespaceOptions;
import java.lang.foreign.MemorySegment;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** Asynchronous events, as NVMe base 1.4, 5.2 has them; and Abort (5.1). */
class AdminEventsTest {
    private static final int EVENTS = 0x0b;
    private static final int TEMPERATURE = 0x04;
    private static final int NOTICES = 1 << 8;
    private static final AsyncEvent NAMESPACE_CHANGED = new AsyncEvent(2, 0, 4);
    private static final AsyncEvent INVALID_DOORBELL = new AsyncEvent(0, 0, 1);
    private static final AsyncEvent INVALID_DOORBELL_VALUE = new AsyncEvent(0, 1, 1);
    private static final AsyncEvent HOT = new AsyncEvent(1, 1, 2);

    private final HeldStorage storage = HeldStorage.cached(1 << 20);

    @RegisterExtension
    final AdminRig rig =
            new AdminRig(NvmeDriverOptions.DEFAULTS, NamespaceOptions.of(storage, 512, "disk"));

    private void enable(int bits) {
        rig.driver.admin().setFeature(EVENTS, 0, bits);
    }

    private int add() {
        return rig.nvme.addNamespace(NamespaceOptions.of(HeldStorage.cached(4096), 512, "another"));
    }

    private void read(int page) {
        rig.driver.admin().getLogPage(page, ALL, 512, 0);
    }

    @Test
    void shouldTellOfNamespacesThatComeAndGo() {
        enable(NOTICES);
        int id = add();
        assertThat(id).isEqualTo(2);
        rig.turn();
        assertThat(rig.driver.takeEvent()).isEqualTo(NAMESPACE_CHANGED);
        rig.nvme.removeNamespace(id);
        rig.turn();
        assertThat(rig.driver.takeEvent()).as("before the list is read").isNull();
        read(4);
        rig.turn();
        assertThat(rig.driver.takeEvent()).as("the list has told").isNull();
        add();
        rig.turn();
        assertThat(rig.driver.takeEvent()).isEqualTo(NAMESPACE_CHANGED);
    }

    @Test
    void shouldNotTellWhatIsNotEnabled() {
        add();
        rig.driver.admin().setFeature(TEMPERATURE, 0, 300);
        rig.turn();
        assertThat(rig.driver.takeEvent()).isNull();
    }

    @Test
    void shouldTellOfTheTemperature() {
        enable(2);
        rig.driver.admin().setFeature(TEMPERATURE, 0, 300);
        rig.turn();
        assertThat(rig.driver.takeEvent()).isEqualTo(HOT);
        rig.driver.admin().setFeature(TEMPERATURE, 0, 301);
        rig.turn();
        assertThat(rig.driver.takeEvent()).as("before the log is read").isNull();
        read(2);
        rig.driver.admin().setFeature(TEMPERATURE, 0, 302);
        rig.turn();
        assertThat(rig.driver.takeEvent()).isEqualTo(HOT);
    }

    @Test
    void shouldTellOfInvalidDoorbellValues() {
        rig.driver.doorbells().writeRegister(1, false, 4097);
        assertThat(await()).isEqualTo(INVALID_DOORBELL_VALUE);
        rig.driver.doorbells().writeRegister(1, false, 0);
        read(1);
    }

    @Test
    void shouldTellOfDoorbellsThatBelongToNoQueue() {
        ring(0x1000 + 77 * 8);
        assertThat(await()).isEqualTo(INVALID_DOORBELL);
        ring(0x1000 + 77 * 8 + 4);
        rig.turn();
        assertThat(rig.driver.takeEvent()).as("errors have been told of").isNull();
        var log = rig.driver.admin().getLogPage(1, ALL, 64, 0);
        assertThat(AdminRig.u64(log, 0)).as("both are in the log").isEqualTo(2);
        assertThat(AdminRig.u16(log, 8)).as("of no queue").isEqualTo(0xffff);
        assertThat(AdminRig.u16(log, 10)).as("of no command").isEqualTo(0xffff);
    }

    /** By message, as those do who cannot map doorbells: nothing else can be noticed. */
    private void ring(long doorbell) {
        var one = MemorySegment.ofArray(new byte[] {1, 0, 0, 0});
        rig.driver.registers().bar().write(doorbell, one, 0, 4);
    }

    /** A limit of time is the test run's. */
    private AsyncEvent await() {
        while (true) {
            rig.turn();
            var event = rig.driver.takeEvent();
            if (event != null) {
                return event;
            }
        }
    }

    @Test
    void shouldKeepEventsForARequestToCome() {
        try (var quiet =
                new AdminRig(NamespaceOptions.of(HeldStorage.cached(4096), 512, "disk")).open()) {
            quiet.driver.admin().setFeature(EVENTS, 0, NOTICES);
            for (int i = 0; i < 20; i++) {
                quiet.nvme.addNamespace(
                        NamespaceOptions.of(HeldStorage.cached(4096), 512, "another"));
            }
            int event = quiet.result(AdminOpcode.ASYNC_EVENT_REQUEST, e -> e);
            assertThat(event).isEqualTo(2 | 4 << 16);
        }
    }

    @Test
    void shouldRefuseMoreRequestsThanItHolds() {
        assertThat(rig.status(AdminOpcode.ASYNC_EVENT_REQUEST, e -> e))
                .isEqualTo(Status.ASYNC_EVENT_LIMIT_EXCEEDED);
    }

    @Test
    void shouldAbortARequest() {
        int request = 0x8000; // the driver's first
        assertThat(rig.driver.admin().abort(1, request)).as("other queue").isFalse();
        assertThat(rig.driver.admin().abort(0, 0x7fff)).as("no such command").isFalse();
        assertThat(rig.driver.admin().abort(0, request)).isTrue();
        assertThat(rig.driver.admin().abort(0, request)).as("twice").isFalse();
        var log = rig.driver.admin().getLogPage(1, ALL, 64, 0);
        assertThat(AdminRig.u16(log, 12) >>> 1 & 0x7ff).isEqualTo(Status.ABORT_REQUESTED);
    }

    @Test
    void shouldForgetEventsWithAReset() {
        enable(NOTICES);
        rig.driver.reset();
        add();
        rig.turn();
        assertThat(rig.driver.takeEvent()).as("not enabled any more").isNull();
    }
}
