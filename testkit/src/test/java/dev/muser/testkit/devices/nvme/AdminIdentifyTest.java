package dev.muser.testkit.devices.nvme;

import static dev.muser.testkit.devices.nvme.AdminRig.ALL;
import static dev.muser.testkit.devices.nvme.AdminRig.assertZero;
import static dev.muser.testkit.devices.nvme.AdminRig.text;
import static dev.muser.testkit.devices.nvme.AdminRig.u16;
import static dev.muser.testkit.devices.nvme.AdminRig.u32;
import static dev.muser.testkit.devices.nvme.AdminRig.u64;
import static dev.muser.testkit.devices.nvme.AdminRig.u8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.muser.client.nvme.AdminOpcode;
import dev.muser.client.nvme.Status;
import dev.muser.devices.nvme.NamespaceOptions;
import dev.muser.devices.storage.NullStorage;
import java.util.UUID;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Identify, as NVMe base 1.4, 5.15 has it: offsets and values are those of its figures. */
class AdminIdentifyTest {
    private static final UUID ID = UUID.fromString("00112233-4455-6677-8899-aabbccddeeff");

    @RegisterExtension
    final AdminRig rig =
            new AdminRig(
                    new NamespaceOptions(
                            new HeldStorage(1 << 20, 512, false, true), 512, false, true, ID, "a"),
                    new NamespaceOptions(
                            new NullStorage(1 << 24), 4096, true, true, UUID.randomUUID(), "b"),
                    new NamespaceOptions(
                            new NullStorage(1 << 20), 512, false, false, UUID.randomUUID(), "c"));

    private int status(int cns, int nsid) {
        return rig.status(AdminOpcode.IDENTIFY, e -> e.nsid(nsid).cdw10(cns));
    }

    @Test
    void shouldDescribeTheController() {
        var page = rig.driver.admin().identify(1, 0, 0);
        assertThat(u16(page, 0)).as("VID").isEqualTo(0x1234);
        assertThat(u16(page, 2)).as("SSVID").isEqualTo(0x1234);
        assertThat(text(page, 4, 20)).as("SN").isEqualTo("MUSER-1             ");
        assertThat(text(page, 24, 40)).as("MN").startsWith("Muser NVMe  ").endsWith(" ");
        assertThat(u8(page, 77)).as("MDTS: 1 MiB").isEqualTo(8);
        assertThat(u32(page, 80)).as("VER").isEqualTo(0x10400);
        assertThat(u32(page, 92)).as("OAES").isEqualTo(1 << 8);
        assertThat(u32(page, 96)).as("CTRATT").isEqualTo(1);
        assertThat(u8(page, 111)).as("CNTRLTYPE").isEqualTo(1);
        assertThat(u16(page, 256)).as("OACS").isEqualTo(1 << 1 | 1 << 3 | 1 << 8);
        assertThat(u8(page, 259)).as("AERL").isEqualTo(3);
        assertThat(u8(page, 260)).as("FRMW").isEqualTo(3);
        assertThat(u8(page, 261)).as("LPA").isEqualTo(6);
        assertThat(u8(page, 262)).as("ELPE").isEqualTo(63);
        assertThat(u16(page, 266)).as("WCTEMP").isEqualTo(343);
        assertThat(u64(page, 280)).as("TNVMCAP").isEqualTo((1 << 24) + (2 << 20));
        assertThat(u64(page, 296)).as("UNVMCAP").isZero();
        assertThat(u16(page, 320)).as("KAS").isEqualTo(1);
        assertThat(u32(page, 328)).as("SANICAP").isZero();
        assertThat(u8(page, 512)).as("SQES").isEqualTo(0x66);
        assertThat(u8(page, 513)).as("CQES").isEqualTo(0x44);
        assertThat(u32(page, 516)).as("NN").isEqualTo(256);
        assertThat(u16(page, 520)).as("ONCS").isEqualTo(0xdd);
        assertThat(u16(page, 522)).as("FUSES").isEqualTo(1);
        assertThat(u8(page, 525)).as("VWC").isEqualTo(7);
        assertThat(u32(page, 536)).as("SGLS").isEqualTo(1);
        assertThat(text(page, 768, 37)).isEqualTo("nqn.2014-08.org.nvmexpress:uuid:" + uuidStart());
        assertThat(u8(page, 768 + 68)).as("the end of SUBNQN").isZero();
        assertThat(u16(page, 2048)).as("PSD0.MP").isPositive();
    }

    private static String uuidStart() {
        return NamespaceOptions.uuidOf(AdminRig.SERIAL).toString().substring(0, 5);
    }

    @Test
    void shouldDescribeANamespace() {
        var page = rig.driver.admin().identify(0, 1, 0);
        assertThat(u64(page, 0)).as("NSZE").isEqualTo(2048);
        assertThat(u64(page, 8)).as("NCAP").isEqualTo(2048);
        assertThat(u64(page, 16)).as("NUSE").isEqualTo(2048);
        assertThat(u8(page, 24)).as("NSFEAT: its own atomicity").isEqualTo(1 << 4 | 1 << 1);
        assertThat(u8(page, 25)).as("NLBAF").isEqualTo(1);
        assertThat(u8(page, 26)).as("FLBAS").isZero();
        assertThat(u8(page, 33)).as("DLFEAT").isEqualTo(9);
        assertThat(u32(page, 34)).as("NAWUN, NAWUPF: one block").isZero();
        assertThat(u16(page, 38)).as("NACWU: 1 MiB").isEqualTo(2047);
        assertThat(u64(page, 48)).as("NVMCAP").isEqualTo(1 << 20);
        assertThat(u16(page, 64)).as("NPWG").isEqualTo(7);
        assertThat(u8(page, 99)).as("NSATTR").isZero();
        assertThat(u64(page, 104)).as("NGUID").isEqualTo(0x7766554433221100L);
        assertThat(u8(page, 112)).as("the OUI in NGUID").isEqualTo(0x52);
        assertThat(u64(page, 120)).as("EUI64").isEqualTo(0xffeeddccbb005452L);
        assertThat(u32(page, 128)).as("LBAF0").isEqualTo(9 << 16);
        assertThat(u32(page, 132)).as("LBAF1").isEqualTo(12 << 16);
    }

    @Test
    void shouldSayThatANamespaceIsReadOnlyAndHasLargeBlocks() {
        var page = rig.driver.admin().identify(0, 2, 0);
        assertThat(u64(page, 0)).as("NSZE").isEqualTo(4096);
        assertThat(u8(page, 26)).as("FLBAS").isEqualTo(1);
        assertThat(u16(page, 38)).as("NACWU: 1 MiB").isEqualTo(255);
        assertThat(u16(page, 64)).as("NPWG").isZero();
        assertThat(u8(page, 99)).as("NSATTR").isEqualTo(1);
    }

    @Test
    void shouldNotOfferBlocksThatAreTooSmallForTheStorage() {
        rig.nvme.addNamespace(
                NamespaceOptions.of(new HeldStorage(1 << 16, 4096, false, false), 4096, "d"));
        var page = rig.driver.admin().identify(0, 4, 0);
        assertThat(u32(page, 128)).as("LBAF0").isZero();
        assertThat(u32(page, 132)).as("LBAF1").isEqualTo(12 << 16);
    }

    @Test
    void shouldAnswerZerosForANamespaceThatIsNotActive() {
        assertZero(rig.driver.admin().identify(0, 3, 0));
        assertZero(rig.driver.admin().identify(0, 256, 0));
        assertZero(rig.driver.admin().identify(0x11, 4, 0));
    }

    @Test
    void shouldDescribeWhatNamespacesHaveInCommon() {
        var page = rig.driver.admin().identify(0, ALL, 0);
        assertThat(u64(page, 0)).isZero();
        assertThat(u8(page, 25)).isEqualTo(1);
        assertThat(u32(page, 132)).isEqualTo(12 << 16);
    }

    @Test
    void shouldDescribeAnAllocatedNamespaceThatIsNotAttached() {
        assertThat(u64(rig.driver.admin().identify(0x11, 3, 0), 0)).isEqualTo(2048);
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 257, 0x8000_0000, 0xffff_fffe})
    void shouldRefuseInvalidNamespaceIdentifiers(int nsid) {
        for (int cns : new int[] {0x00, 0x03, 0x11, 0x12}) {
            assertThat(status(cns, nsid)).as("CNS 0x%x", cns).isEqualTo(Status.INVALID_NAMESPACE);
        }
        assertThat(status(0x11, ALL)).isEqualTo(Status.INVALID_NAMESPACE);
        assertThat(status(0x03, ALL)).isEqualTo(Status.INVALID_NAMESPACE);
    }

    @Test
    void shouldRefuseDescriptorsOfAnInactiveNamespace() {
        assertThat(status(0x03, 3)).isEqualTo(Status.INVALID_FIELD);
        assertThat(status(0x12, 4)).isEqualTo(Status.INVALID_FIELD);
    }

    @Test
    void shouldListNamespacesAboveAnIdentifier() {
        var active = rig.driver.admin().identify(0x02, 0, 0);
        assertThat(new int[] {u32(active, 0), u32(active, 4), u32(active, 8)})
                .containsExactly(1, 2, 0);
        var above = rig.driver.admin().identify(0x02, 1, 0);
        assertThat(new int[] {u32(above, 0), u32(above, 4)}).containsExactly(2, 0);
        var allocated = rig.driver.admin().identify(0x10, 0, 0);
        assertThat(new int[] {u32(allocated, 0), u32(allocated, 4), u32(allocated, 8)})
                .containsExactly(1, 2, 3);
        assertThat(u32(allocated, 12)).isZero();
        assertZero(rig.driver.admin().identify(0x02, 0x8000_0000, 0));
        for (int cns : new int[] {0x02, 0x10}) {
            assertThat(status(cns, 0xffff_fffe)).isEqualTo(Status.INVALID_NAMESPACE);
            assertThat(status(cns, ALL)).isEqualTo(Status.INVALID_NAMESPACE);
        }
    }

    @Test
    void shouldDescribeANamespacesIdentity() {
        var page = rig.driver.admin().identify(0x03, 1, 0);
        assertThat(u16(page, 0)).as("EUI64, 8 bytes").isEqualTo(0x0801);
        assertThat(u16(page, 12)).as("NGUID, 16 bytes").isEqualTo(0x1002);
        assertThat(u16(page, 32)).as("UUID, 16 bytes").isEqualTo(0x1003);
        assertThat(u64(page, 36)).isEqualTo(0x7766554433221100L);
        assertThat(u64(page, 44)).isEqualTo(0xffeeddccbbaa9988L);
        assertThat(u16(page, 52)).as("the end").isZero();
        assertThat(rig.driver.namespaces().getFirst().uuid())
                .isEqualTo("00112233445566778899aabbccddeeff");
    }

    @Test
    void shouldListControllers() {
        int id = rig.driver.info().id();
        for (int nsid : new int[] {1, 2}) {
            var page = rig.driver.admin().identify(0x12, nsid, 0);
            assertThat(u16(page, 0)).isEqualTo(1);
            assertThat(u16(page, 2)).isEqualTo(id);
        }
        assertThat(u16(rig.driver.admin().identify(0x12, 3, 0), 0)).as("detached").isZero();
        assertThat(u16(rig.driver.admin().identify(0x13, 0, id), 0)).isEqualTo(1);
        assertThat(u16(rig.driver.admin().identify(0x13, 0, id + 1), 0)).as("above").isZero();
    }

    @ParameterizedTest
    @ValueSource(ints = {0x04, 0x05, 0x06, 0x07, 0x08, 0x14, 0x15, 0x17, 0x1c, 0x80, 0xff})
    void shouldRefuseStructuresThatVersion14DoesNotHave(int cns) {
        assertThat(status(cns, 1)).isEqualTo(Status.INVALID_FIELD);
    }
}
