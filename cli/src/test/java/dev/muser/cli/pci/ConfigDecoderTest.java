package dev.muser.cli.pci;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** Configuration spaces written by hand, from the tables of the specifications. */
class ConfigDecoderTest {
    private final byte[] config = new byte[4096];
    private final long[] sizes = new long[7];

    private void put(int offset, int... bytes) {
        for (int i = 0; i < bytes.length; i++) {
            config[offset + i] = (byte) bytes[i];
        }
    }

    /** An NVMe controller with a list of capabilities that begins at 0x40. */
    private void header() {
        put(0x00, 0x36, 0x1b, 0x10, 0x00, 0x06, 0x04, 0x10, 0x00, 0x02, 0x02, 0x08, 0x01);
        put(0x2c, 0xf4, 0x1a, 0x00, 0x11);
        put(0x34, 0x40);
    }

    private Function decode() {
        return ConfigDecoder.decode(config, sizes);
    }

    private static String text(List<Row> rows, String label) {
        return rows.stream()
                .filter(row -> row.label().equals(label))
                .findFirst()
                .orElseThrow(() -> new AssertionError("no " + label + " in " + rows))
                .text();
    }

    @Test
    void shouldReadTheHeader() {
        header();
        put(0x3c, 11, 2);
        var f = decode();

        assertThat(f.vendor()).isEqualTo(0x1b36);
        assertThat(f.device()).isEqualTo(0x0010);
        assertThat(f.revision()).isEqualTo(2);
        assertThat(f.classCode()).isEqualTo(0x010802);
        assertThat(f.className()).isEqualTo("Non-volatile memory controller (NVMe)");
        assertThat(text(f.header(), "Subsystem")).isEqualTo("1af4:1100");
        assertThat(text(f.header(), "Control"))
                .startsWith("I/O- Mem+ BusMaster+ SpecCycle-")
                .endsWith("DisINTx+");
        assertThat(text(f.header(), "Status")).startsWith("INTx- Cap+ 66MHz-");
        assertThat(text(f.header(), "Interrupt")).isEqualTo("pin B routed to IRQ 11");
    }

    @Test
    void shouldReadBarsOfEveryKind() {
        put(0x10, 0x04, 0x00, 0x00, 0xfe, 0x01, 0x00, 0x00, 0x00); // 64-bit
        put(0x18, 0x01, 0xc0, 0x00, 0x00); // I/O
        put(0x1c, 0x08, 0x00, 0x00, 0xfd); // 32-bit, prefetchable
        put(0x30, 0x01, 0x00, 0xf0, 0xfc); // ROM, enabled
        sizes[0] = 16384;
        sizes[2] = 32;
        sizes[3] = 1 << 20;
        sizes[6] = 65536;
        var rows = decode().header();

        assertThat(text(rows, "Region 0"))
                .isEqualTo("Memory at 00000001fe000000 (64-bit, non-prefetchable) [size=16K]");
        assertThat(rows).noneMatch(row -> row.label().equals("Region 1"));
        assertThat(text(rows, "Region 2")).isEqualTo("I/O ports at c000 [size=32]");
        assertThat(text(rows, "Region 3"))
                .isEqualTo("Memory at fd000000 (32-bit, prefetchable) [size=1M]");
        assertThat(text(rows, "Expansion ROM")).isEqualTo("at fcf00000, enabled [size=64K]");
    }

    @Test
    void shouldFollowTheListOfCapabilities() {
        header();
        put(0x40, 0x01, 0x50, 0x03, 0x48, 0x0b, 0x01); // power management, in D3, PME enabled
        put(0x50, 0x05, 0x70, 0x87, 0x01, 0x00, 0x00, 0xe0, 0xfe, 0, 0, 0, 0, 0x21, 0x40);
        put(0x60, 0x02, 0, 0, 0, 0x01, 0, 0, 0); // MSI's mask and pending bits
        put(0x70, 0x11, 0x80, 0x3f, 0x80, 0x04, 0x20, 0, 0, 0x04, 0x30, 0, 0);
        put(0x80, 0x09, 0x90, 0x06, 0xaa, 0xbb, 0xcc);
        put(0x90, 0x7f, 0x00);
        var capabilities = decode().capabilities();

        assertThat(capabilities)
                .extracting(Structure::name)
                .containsExactly(
                        "Power Management", "MSI", "MSI-X", "Vendor Specific", "Capability 7f");
        var pm = capabilities.get(0).rows();
        assertThat(text(pm, "Flags")).contains("PME(D0)+", "PME(D3hot)+", "version 3");
        assertThat(text(pm, "Status")).isEqualTo("NoSoftRst+ PME-Enable+ PME- in D3");
        var msi = capabilities.get(1).rows();
        assertThat(text(msi, "Control")).isEqualTo("Enable+ 64bit+ Maskable+ Count=1/8");
        assertThat(text(msi, "Message")).isEqualTo("address 00000000fee00000 data 4021");
        assertThat(text(msi, "Masking")).isEqualTo("00000002 pending 00000001");
        var msix = capabilities.get(2).rows();
        assertThat(text(msix, "Control")).isEqualTo("Enable+ Masked- Count=64");
        assertThat(text(msix, "Vector table")).isEqualTo("BAR=4 offset=00002000");
        assertThat(text(msix, "Pending bits")).isEqualTo("BAR=4 offset=00003000");
        assertThat(text(capabilities.get(3).rows(), "Bytes")).isEqualTo("aa bb cc");
    }

    @Test
    void shouldReadPciExpressAndExtendedCapabilities() {
        header();
        put(0x40, 0x10, 0x00, 0x02, 0x00, 0x01, 0x80, 0x00, 0x10, 0x20, 0x20);
        put(0x4c, 0x43, 0x00, 0x00, 0x00);
        put(0x50, 0x42, 0x01); // ASPM L1, common clock, clock power management
        put(0x52, 0x42, 0x00);
        put(0x64, 0x00, 0x00, 0x10, 0x00); // extended format, no end-to-end prefixes
        put(0x100, 0x01, 0x00, 0x02, 0x15); // AER v2, next 0x150
        put(0x104, 0x00, 0x00, 0x10, 0x00); // unsupported request
        put(0x118, 0xb4, 0x00, 0x00, 0x00); // ECRC generated and checked, pointer 20
        put(0x11c, 0x01, 0x00, 0x00, 0x40);
        put(0x150, 0x03, 0x00, 0x01, 0x00, 8, 7, 6, 5, 4, 3, 2, 1); // the last
        var capabilities = decode().capabilities();

        assertThat(capabilities).extracting(Structure::offset).containsExactly(0x40, 0x100, 0x150);
        assertThat(capabilities).extracting(Structure::extended).containsExactly(false, true, true);
        var express = capabilities.get(0).rows();
        assertThat(text(express, "Type")).startsWith("Endpoint, version 2");
        assertThat(text(express, "DevCap")).isEqualTo("ExtTag- RBE+ FLReset+ MaxPayload 256 bytes");
        assertThat(text(express, "DevCtl")).endsWith("MaxPayload 256 bytes, MaxReadReq 512 bytes");
        assertThat(text(express, "LnkCap")).contains("Speed 8GT/s, Width x4");
        assertThat(text(express, "LnkSta")).isEqualTo("Speed 5GT/s, Width x4");
        assertThat(text(express, "LnkCtl"))
                .isEqualTo(
                        "LnkDisable- CommClk+ ExtSynch- ClockPM+ AutWidDis- BWInt- AutBWInt-"
                                + " ASPM L1");
        assertThat(text(express, "DevCap2")).endsWith("ExtFmt+ EETLPPrefix-");
        var errors = capabilities.get(1).rows();
        assertThat(text(errors, "AERCap"))
                .isEqualTo("ECRCGenCap+ ECRCGenEn- ECRCChkCap+ ECRCChkEn- First Error Pointer: 14");
        assertThat(text(errors, "HeaderLog")).isEqualTo("40000001 00000000 00000000 00000000");
        assertThat(text(capabilities.get(1).rows(), "UESta")).contains("UnsupReq+", "ECRC-");
        assertThat(text(capabilities.get(2).rows(), "Number")).isEqualTo("01-02-03-04-05-06-07-08");
    }

    @Test
    void shouldReportBrokenListsAndEnd() {
        header();
        put(0x40, 0x01, 0x50);
        put(0x50, 0x05, 0x40);
        put(0x100, 0x03, 0x00, 0x01, 0x01); // leads into the first 256 bytes
        assertThat(decode().problems())
                .containsExactly(
                        "the list of capabilities comes back to 40",
                        "the list of extended capabilities leads to 010, where none can be");

        put(0x50, 0x05, 0x20);
        put(0x100, 0x03, 0x00, 0x01, 0x10); // to itself
        assertThat(decode().problems())
                .containsExactly(
                        "the list of capabilities leads to 20, where none can be",
                        "the list of extended capabilities comes back to 100");
    }

    @Test
    void shouldNotBelieveInAListThatTheStatusDenies() {
        header();
        put(0x06, 0x00);
        put(0x40, 0x01, 0x00);
        assertThat(decode().capabilities()).isEmpty();
    }

    @Test
    void shouldReportBridgesAndAbsentDevices() {
        put(0x0e, 0x81);
        assertThat(decode().problems()).singleElement().asString().contains("type 1, not 0");
        put(0x00, 0xff, 0xff);
        assertThat(decode().problems()).first().asString().contains("there is no device");
    }

    @Test
    void shouldTakeAnyBytesWithoutFailing() {
        var random = new Random(20261123);
        for (int i = 0; i < 2000; i++) {
            random.nextBytes(config);
            config[0x06] |= 0x10;
            config[0x0e] = 0;
            var f = ConfigDecoder.decode(config, sizes);
            assertThat(f.capabilities()).as("round %d", i).hasSizeGreaterThanOrEqualTo(1);
        }
    }

    @Test
    void shouldRefuseLessThanAHeader() {
        assertThatThrownBy(() -> ConfigDecoder.decode(new byte[63], sizes))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("63 bytes");
    }
}
