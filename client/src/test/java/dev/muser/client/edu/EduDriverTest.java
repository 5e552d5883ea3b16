package dev.muser.client.edu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.muser.client.Edu;
import dev.muser.client.PciFunction;
import java.lang.foreign.MemorySegment;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class EduDriverTest {
    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void shouldDriveTheDeviceByEitherInterrupt(boolean msi) {
        var device = new Edu(0x11e8, msi);
        try (var function = new PciFunction(device)) {
            var driver = new EduDriver(function);
            assertThat(driver.version()).isEqualTo(0x10);
            assertThat(driver.isAlive()).isTrue();
            assertThat(driver.factorial(5)).isEqualTo(120);
            assertThat(driver.factorial(12)).isEqualTo(479001600);

            var data = new byte[EduDriver.DEVICE_MEMORY_SIZE];
            new Random(7).nextBytes(data);
            driver.store(MemorySegment.ofArray(data));
            var back = new byte[data.length];
            driver.load(MemorySegment.ofArray(back));
            assertThat(back).isEqualTo(data);
            assertThat(device.command() & 7).as("io, memory, bus master").isEqualTo(7);
            assertThat(device.msiControl() & 1).as("MSI enabled").isEqualTo(msi ? 1 : 0);
        }
        assertThat(device.mapped()).isEmpty();
        assertThat(device.attached()).isFalse();
    }

    @Test
    void shouldRefuseAnotherDevice() {
        try (var function = new PciFunction(new Edu(0x1111, false))) {
            assertThatThrownBy(() -> new EduDriver(function))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessage("PCI device 1234:1111 is no edu, which is 1234:11e8");
        }
    }
}
