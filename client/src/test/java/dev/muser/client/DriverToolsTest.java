package dev.muser.client;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.muser.device.DmaAccess;
import dev.muser.device.Irq;
import dev.muser.device.Region;
import dev.muser.device.VfioException;
import dev.muser.linux.Errno;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.time.Duration;
import java.util.ArrayList;
import org.junit.jupiter.api.Test;

/** Addresses, DMA memory, configuration space and interrupts, on a device in process. */
class DriverToolsTest {
    @Test
    void shouldHandOutTheLowestAddressThatFits() {
        var allocator = new IovaAllocator();
        assertThat(allocator.take(0x1000, 0x1000)).isEqualTo(0x10000);
        assertThat(allocator.take(0x3000, 0x1000)).isEqualTo(0x11000);
        assertThat(allocator.take(0x200000, 0x200000)).isEqualTo(0x200000);
        assertThat(allocator.take(0x1000, 0x1000)).isEqualTo(0x14000);
        allocator.give(0x11000);
        assertThat(allocator.take(0x4000, 0x1000)).isEqualTo(0x15000);
        assertThat(allocator.take(0x2000, 0x1000)).isEqualTo(0x11000);
    }

    @Test
    void shouldNotHandOutTheInterruptWindow() {
        var allocator = new IovaAllocator();
        assertThat(allocator.take(0xfedf0000L, 0x1000)).isEqualTo(0x10000);
        assertThat(allocator.take(0x1000, 0x1000)).isEqualTo(0xfef00000L);
    }

    @Test
    void shouldSayWhenTheAddressSpaceIsFull() {
        var allocator = new IovaAllocator();
        assertThatThrownBy(() -> allocator.take(1L << 48, 0x1000))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("2^48");
    }

    @Test
    void shouldNotLeakWhatItAllocates() {
        OpenDescriptors.assertNoneLeak(() -> {
            var device = new Edu(0x11e8, true);
            try (var function = new PciFunction(device)) {
                for (var kind : DmaMemory.values()) {
                    var buffer = function.dma().allocate(5000, DmaAccess.READ_WRITE, kind);
                    assertThat(buffer.size()).isEqualTo(8192);
                    assertThat(device.mapped()).contains("0x%x+0x2000".formatted(buffer.iova()));
                }
                function.interrupt().poll();
                assertThat(function.interrupt().await(Duration.ofMillis(1))).isZero();
            }
            assertThat(device.mapped()).isEmpty();
        });
    }

    @Test
    void shouldFallBackToNormalPagesWithoutHugeOnes() {
        try (var function = new PciFunction(new Edu(0x11e8, true))) {
            var buffer =
                    function.dma().allocate(4L << 20, DmaAccess.READ_WRITE, DmaMemory.HUGE_PAGES);
            assertThat(buffer.size()).isEqualTo(4L << 20);
            if (buffer.hugePages()) {
                assertThat(buffer.iova() % (2 << 20)).isZero();
            }
            buffer.segment().set(ValueLayout.JAVA_LONG, (4L << 20) - 8, 1);
        }
    }

    @Test
    void shouldForbidTheUseOfAClosedBuffer() {
        try (var function = new PciFunction(new Edu(0x11e8, true))) {
            var buffer = function.dma().allocate(4096);
            buffer.close();
            buffer.close();
            assertThatThrownBy(() -> buffer.segment().get(ValueLayout.JAVA_BYTE, 0))
                    .isInstanceOf(IllegalStateException.class);
            assertThatThrownBy(() -> function.dma().allocate(0))
                    .isInstanceOf(IllegalArgumentException.class);
        }
    }

    @Test
    void shouldServeTransfersThroughSeveralBuffersAndRefuseOthers() {
        try (var function = new PciFunction(new Edu(0x11e8, true))) {
            var dma = function.dma();
            var first = dma.allocate(4096);
            var second = dma.allocate(4096, DmaAccess.READ, DmaMemory.MESSAGES);
            assertThat(second.iova()).isEqualTo(first.iova(4096));
            first.segment().fill((byte) 1);
            second.segment().fill((byte) 2);
            var data = Arena.ofAuto().allocate(4);
            var errnos = new ArrayList<Integer>();

            dma.port().read(first.iova(4094), data, errnos::add);
            assertThat(data.toArray(ValueLayout.JAVA_BYTE)).containsExactly(1, 1, 2, 2);
            dma.port().write(first.iova(4094), data, errnos::add);
            dma.port().read(second.iova(4094), data, errnos::add);
            dma.port().read(0, data, errnos::add);
            dma.port().read(-4, data, errnos::add);
            dma.port().write(first.iova(), MemorySegment.ofArray(new byte[] {9}), errnos::add);
            assertThat(errnos)
                    .containsExactly(0, Errno.EACCES, Errno.EFAULT, Errno.EFAULT, Errno.EFAULT, 0);
            assertThat(first.segment().get(ValueLayout.JAVA_BYTE, 0)).isEqualTo((byte) 9);
        }
    }

    @Test
    void shouldFindCapabilitiesAndSurviveAChainThatIsARing() {
        var device = new Edu(0x11e8, true);
        try (var function = new PciFunction(device)) {
            var config = function.config();
            assertThat(config.vendorId()).isEqualTo(0x1234);
            assertThat(config.findCapability(ConfigSpace.CAPABILITY_MSI)).isEqualTo(0x40);
            config.write8(0x41, 0x40);
            assertThat(config.findCapability(ConfigSpace.CAPABILITY_MSIX)).isZero();
            assertThat(config.findExtendedCapability(1)).isZero();
            assertThat(config.size()).isEqualTo(256);
        }
    }

    @Test
    void shouldSayWhatTheDeviceDoesNotHave() {
        try (var function = new PciFunction(new Edu(0x11e8, true))) {
            assertThatThrownBy(() -> function.bar(Region.BAR3))
                    .isInstanceOf(VfioException.class)
                    .hasMessage("BAR 3, which this device does not have: ENODEV");
            assertThatThrownBy(() -> function.interrupts(Irq.MSI, 0, 2))
                    .isInstanceOf(VfioException.class)
                    .hasMessage("interrupts 0 to 1 of index 1, which has 1: EINVAL");
        }
    }
}
