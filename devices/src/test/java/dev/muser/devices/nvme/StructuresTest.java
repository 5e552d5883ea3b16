package dev.muser.devices.nvme;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static org.assertj.core.api.Assertions.assertThat;

import dev.muser.device.pci.Device;
import dev.muser.device.pci.DeviceState;
import dev.muser.device.pci.PciDevice;
import dev.muser.devices.storage.FakeLoop;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.UUID;
import java.util.function.Function;
import org.junit.jupiter.api.Test;

/** Data structures for the driver, byte by byte. */
class StructuresTest {
    /** Makes something that lies in the state of a device. */
    private static <T> T inState(Function<DeviceState, T> maker) {
        var made = new ArrayList<T>();
        var _ =
                PciDevice.create(
                        ctx -> {
                            ctx.identity(1, 2);
                            made.add(maker.apply(ctx.state()));
                            return new Device() {};
                        },
                        new FakeLoop(() -> 0));
        return made.getFirst();
    }

    private static byte[] bytes(DataStructure structure) {
        return structure.bytes().toArray(JAVA_BYTE);
    }

    @Test
    void shouldBeLittleEndianButForIdentifiers() {
        var s = new DataStructure(16).u8(0, 0x1ff).u16(1, 0x0302).u32(3, 0x07060504);
        assertThat(bytes(s.u64(8, 0x0f0e0d0c0b0a0908L)))
                .containsExactly(-1, 2, 3, 4, 5, 6, 7, 0, 8, 9, 10, 11, 12, 13, 14, 15);
        var id = UUID.fromString("00010203-0405-0607-0809-0a0b0c0d0e0f");
        assertThat(bytes(new DataStructure(16).uuid(0, id)))
                .containsExactly(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    }

    @Test
    void shouldFillTextUpWithSpacesWhereItIsPadded() {
        assertThat(bytes(new DataStructure(6).padded(1, 4, "ab")))
                .containsExactly(0, 'a', 'b', ' ', ' ', 0);
        assertThat(bytes(new DataStructure(4).text(1, "ab"))).containsExactly(0, 'a', 'b', 0);
    }

    @Test
    void shouldListChangedNamespacesInOrder() {
        var changed = inState(ChangedNamespaces::new);
        changed.add(256);
        changed.add(3);
        changed.add(3);
        assertThat(bytes(changed.page())).startsWith(3, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0);
        changed.clear();
        assertThat(bytes(changed.page())).hasSize(4096).containsOnly(0);
    }

    @Test
    void shouldKeepErrorsThatNoCommandMade() {
        var log = inState(ErrorLog::new);
        log.record(Status.INVALID_FIELD);
        var entry = bytes(log.page());
        assertThat(entry).hasSize(64 * 64);
        assertThat(entry).startsWith(1, 0, 0, 0, 0, 0, 0, 0, -1, -1, -1, -1);
        assertThat(entry[12]).as("status field, above the phase").isEqualTo((byte) (2 << 1));
        assertThat(log.count()).isEqualTo(1);
        assertThat(log.mediaErrors()).isZero();
    }

    @Test
    void shouldKnowBothTemperatureThresholds() {
        var temperature = inState(Temperature::new);
        temperature.reset();
        assertThat(temperature.isBeyond()).isFalse();
        temperature.set(1 << 20 | Temperature.COMPOSITE);
        assertThat(temperature.isBeyond()).as("under").isTrue();
        temperature.reset();
        temperature.set(Temperature.COMPOSITE);
        assertThat(temperature.isBeyond()).as("over").isTrue();
        temperature.set(Temperature.COMPOSITE + 1);
        assertThat(temperature.isBeyond()).isFalse();
    }

    @Test
    void shouldKeep48BitsOfATimestamp() {
        var timestamp = inState(Timestamp::new);
        timestamp.set(MemorySegment.ofArray(new byte[] {0, 0, 0, 0, 1, 2, -1, -1}));
        var value = bytes(timestamp.value());
        assertThat(value[4]).isEqualTo((byte) 1);
        assertThat(value[5]).isEqualTo((byte) 2);
        assertThat(value[6]).as("set by Set Features, never stopped").isEqualTo((byte) 2);
        assertThat(value[7]).isZero();
    }
}
