package dev.muser.testkit.devices;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.muser.client.ClientOptions;
import dev.muser.client.DmaMemory;
import dev.muser.client.PciFunction;
import dev.muser.client.RemoteDevice;
import dev.muser.client.edu.EduDriver;
import dev.muser.device.DmaAccess;
import dev.muser.device.Irq;
import dev.muser.device.VfioDevice;
import dev.muser.devices.edu.Edu;
import dev.muser.devices.idio16.Idio16;
import dev.muser.devices.idio16.InputPattern;
import dev.muser.testkit.InProcessDevice;
import dev.muser.testkit.ServedDevice;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.time.Duration;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** The Java driver drives the Java device: in process, and through a socket. */
class EduTest {
    private static void drive(VfioDevice device) {
        try (var function = new PciFunction(device)) {
            var driver = new EduDriver(function);
            assertThat(driver.version()).isEqualTo(0x10);
            assertThat(driver.isAlive()).isTrue();
            int product = 1;
            for (int n = 0; n <= 16; n++) {
                product = n == 0 ? 1 : product * n;
                assertThat(driver.factorial(n)).as("%d!", n).isEqualTo(product);
            }
            var random = new Random(7);
            for (int size : new int[] {1, 3, 64, 4095, 4096}) {
                var data = new byte[size];
                random.nextBytes(data);
                driver.store(MemorySegment.ofArray(data));
                var back = Arena.ofAuto().allocate(size);
                driver.load(back);
                assertThat(back.toArray(JAVA_BYTE)).isEqualTo(data);
            }
        }
    }

    @Test
    void shouldBeDrivenInProcessWithoutASocket() {
        try (var edu = InProcessDevice.of(Edu::new)) {
            drive(edu);
        }
    }

    @Test
    void shouldBeDrivenThroughASocketByOneDriverAfterTheOther() {
        try (var served = ServedDevice.start(Edu::new)) {
            for (int i = 0; i < 3; i++) {
                try (var remote = RemoteDevice.connect(served.socket())) {
                    drive(remote);
                }
            }
        }
    }

    @Test
    void shouldAskForMemoryByMessageOnEitherSocket() {
        try (var served = ServedDevice.start(Edu::new)) {
            for (boolean twin : new boolean[] {false, true}) {
                var options = ClientOptions.DEFAULTS.withTwinSocket(twin);
                try (var remote = RemoteDevice.connect(served.socket(), options);
                        var function = new PciFunction(remote)) {
                    function.config().enable();
                    var registers = function.bar(0);
                    var interrupt = function.interrupt(Irq.MSI, 0);
                    var memory =
                            function.dma().allocate(4096, DmaAccess.READ_WRITE, DmaMemory.MESSAGES);
                    for (int i = 0; i < 4096; i++) {
                        memory.segment().set(JAVA_BYTE, i, (byte) (i * 7));
                    }
                    registers.write64(0x80, memory.iova());
                    registers.write64(0x88, 0x40000);
                    registers.write64(0x90, 4096);
                    registers.write64(0x98, 1 | 4);
                    assertThat(interrupt.await(Duration.ofSeconds(10))).isPositive();
                    registers.write32(0x64, 0x100);
                    memory.segment().fill((byte) 0);
                    registers.write64(0x80, 0x40000);
                    registers.write64(0x88, memory.iova());
                    registers.write64(0x98, 1 | 2 | 4);
                    assertThat(interrupt.await(Duration.ofSeconds(10))).isPositive();
                    for (int i = 0; i < 4096; i++) {
                        assertThat(memory.segment().get(JAVA_BYTE, i)).isEqualTo((byte) (i * 7));
                    }
                }
            }
        }
    }

    @Test
    void shouldMoveNothingBeyondItsBufferOrItsAddressBits() {
        try (var edu = InProcessDevice.of(Edu::new);
                var function = new PciFunction(edu)) {
            var registers = function.bar(0);
            var memory = function.dma().allocate(8192);
            memory.segment().fill((byte) 0x55);
            long[][] badRanges = {
                {0x3ffff, 1}, {0x40000, 4097}, {0x41000, 1}, {0x40fff, 2}, {0, 1}
            };
            for (var bad : badRanges) {
                registers.write64(0x80, bad[0]);
                registers.write64(0x88, memory.iova());
                registers.write64(0x90, bad[1]);
                registers.write64(0x98, 1 | 2);
                assertThat(registers.read64(0x98) & 1).as("still running").isZero();
            }
            // bit 28 and above are not driven
            registers.write64(0x80, 0x40000);
            registers.write64(0x88, memory.iova() | (1L << 28) | (1L << 40));
            registers.write64(0x90, 16);
            registers.write64(0x98, 1 | 2);
            assertThat(memory.segment().asSlice(0, 16).toArray(JAVA_BYTE)).containsOnly(0);
            assertThat(memory.segment().asSlice(16).toArray(JAVA_BYTE)).containsOnly(0x55);
        }
    }

    @Test
    void shouldTakeOnlyTheAccessWidthsThatItsDocumentationAllows() {
        try (var edu = InProcessDevice.of(Edu::new);
                var function = new PciFunction(edu)) {
            var registers = function.bar(0);
            assertThat(registers.read16(0)).isEqualTo(0xffff);
            assertThat(registers.read8(0x20)).isEqualTo(0xff);
            registers.write16(0x04, 0x1234);
            assertThat(registers.read32(0x04)).isZero();
            assertThat(registers.read32(0x1000)).isEqualTo(-1);
            assertThat(registers.read64(0x80)).isZero();
            assertThat(registers.read32(0x80)).isZero();
        }
    }

    @Test
    void shouldForgetWhatItWasDoingWhenItIsReset() {
        try (var edu = InProcessDevice.of(Edu::new);
                var function = new PciFunction(edu)) {
            var registers = function.bar(0);
            registers.write32(0x04, 1);
            registers.write32(0x60, 0xff);
            assertThat(registers.read32(0x24)).isEqualTo(0xff);
            function.reset();
            assertThat(registers.read32(0x24)).isZero();
            assertThat(registers.read32(0x04)).isZero();
        }
    }

    @Test
    void shouldNotMistakeAnotherDeviceForAnEdu() {
        try (var board = InProcessDevice.of(ctx -> new Idio16(ctx, InputPattern.LOOPBACK))) {
            try (var function = new PciFunction(board)) {
                assertThatThrownBy(() -> new EduDriver(function))
                        .isInstanceOf(IllegalArgumentException.class)
                        .hasMessageContaining("494f:0dc8");
            }
        }
    }
}
