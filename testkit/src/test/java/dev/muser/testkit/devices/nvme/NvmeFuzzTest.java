package dev.muser.testkit.devices.nvme;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static org.assertj.core.api.Assertions.assertThat;

import dev.muser.client.DmaBuffer;
import dev.muser.client.DmaMemory;
import dev.muser.client.PciFunction;
import dev.muser.client.nvme.ControllerRegisters;
import dev.muser.client.nvme.Doorbells;
import dev.muser.client.nvme.NvmeDriver;
import dev.muser.client.nvme.NvmeDriverOptions;
import dev.muser.device.DmaAccess;
import dev.muser.device.EventLoop;
import dev.muser.device.pci.PciDevice;
import dev.muser.devices.nvme.Doorbell;
import dev.muser.devices.nvme.NamespaceOptions;
import dev.muser.devices.nvme.Nvme;
import dev.muser.devices.nvme.NvmeOptions;
import dev.muser.devices.storage.MemoryStorage;
import dev.muser.testkit.InProcessDevice;
import java.lang.System.Logger;
import java.util.List;
import java.util.Random;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A driver that sends anything: the controller lives, and its neighbour does not notice. */
final class NvmeFuzzTest {
    private static final Logger LOG = System.getLogger(NvmeFuzzTest.class.getName());
    private static final int LIVES = 12;
    private static final int STEPS = 400;

    /** Entries of each queue; all lie in the first pages of the memory. */
    private static final int ENTRIES = 32;

    private static final int MEMORY = 64 * 4096;
    private static final int ENABLE = ControllerRegisters.CC_ENTRY_SIZES | 1;

    private static NvmeOptions options(String serial, Doorbell doorbell) {
        return NvmeOptions.of(
                        serial,
                        List.of(
                                NamespaceOptions.of(new MemoryStorage(1 << 20), 512, serial + 1),
                                NamespaceOptions.of(new MemoryStorage(1 << 20), 4096, serial + 2)))
                .withDoorbell(doorbell);
    }

    @ParameterizedTest(name = "seed {0}")
    @ValueSource(longs = {1, 2, 3, 4, 5, 6, 7, 8})
    void shouldSurviveAnything(long seed) {
        LOG.log(Logger.Level.DEBUG, "seed {0}", seed);
        var random = new Random(seed);
        var doorbell = seed % 2 == 0 ? Doorbell.MAPPED : Doorbell.MESSAGES;
        var loop = new AtomicReference<EventLoop>();
        try (var device =
                        InProcessDevice.of(ctx -> {
                            loop.set(ctx.loop());
                            return new Nvme(ctx, options("VICTIM", doorbell));
                        });
                var neighbour =
                        PciDevice.create(
                                ctx -> new Nvme(ctx, options("NEIGHBOUR", doorbell)), loop.get());
                var function = new PciFunction(device);
                var other = new PciFunction(neighbour, device);
                var driver = NvmeDriver.open(other, NvmeDriverOptions.DEFAULTS)) {
            var buffer = other.dma().allocate(4096);
            for (int life = 0; life < LIVES; life++) {
                new Fuzzer(random, device, function).live();
                // the neighbour, on the same loop
                buffer.segment().fill((byte) (life + 1));
                driver.sync(driver.namespaces().getFirst()).write(life, 8, buffer, 0);
                buffer.segment().fill((byte) 0);
                driver.sync(driver.namespaces().getFirst()).read(life, 8, buffer, 0);
                assertThat(buffer.segment().toArray(JAVA_BYTE)).containsOnly(life + 1);
                // and the victim, after a reset
                try (var rescued = NvmeDriver.open(function, NvmeDriverOptions.DEFAULTS)) {
                    assertThat(rescued.info().serial()).isEqualTo("VICTIM");
                }
            }
        }
    }

    /** One life of a controller. */
    private static final class Fuzzer {
        private final Random random;
        private final InProcessDevice device;
        private final ControllerRegisters registers;
        private final Doorbells doorbells;
        private final DmaBuffer memory;
        private final DmaBuffer hidden;

        Fuzzer(Random random, InProcessDevice device, PciFunction function) {
            this.random = random;
            this.device = device;
            function.config().enable();
            registers = new ControllerRegisters(function.bar(0));
            doorbells = new Doorbells(function.bar(0), 0);
            memory = function.dma().allocate(MEMORY);
            hidden = function.dma().allocate(4096, DmaAccess.READ_WRITE, DmaMemory.MESSAGES);
        }

        void live() {
            begin();
            for (int step = 0; step < STEPS; step++) {
                switch (random.nextInt(40)) {
                    case 0 -> register();
                    case 1 ->
                            doorbells.writeRegister(
                                    random.nextInt(140), random.nextBoolean(), anything());
                    case 2, 3, 4 -> createQueues();
                    case 5 ->
                            memory.segment()
                                    .set(JAVA_LONG, random.nextInt(MEMORY / 8) * 8L, address());
                    default -> commands(random.nextInt(3) == 0 ? 0 : 1 + random.nextInt(3));
                }
                for (int i = random.nextInt(4); i > 0; i--) {
                    device.serve();
                }
                if ((registers.csts() & 3) != 1 && random.nextInt(4) == 0) {
                    begin();
                }
            }
            memory.close(); // while it is at work
            hidden.close();
            device.serve();
        }

        private void begin() {
            registers.cc(0);
            for (int i = 0; i < 1000 && (registers.csts() & 1) != 0; i++) {
                device.serve();
            }
            registers.aqa((ENTRIES - 1) << 16 | (ENTRIES - 1));
            registers.asq(memory.iova());
            registers.acq(memory.iova(4096));
            registers.cc(ENABLE | random.nextInt(2) << 11);
            createQueues();
        }

        private void createQueues() {
            for (int id = 1; id < 4; id++) {
                command(0, 2 * id - 2, 0x05, 0, queue(2 * id + 1), id, 0x3);
                command(0, 2 * id - 1, 0x01, 0, queue(2 * id), id, id << 16 | 0x1);
            }
            doorbells.writeRegister(0, false, 6);
            device.serve();
        }

        private long queue(int page) {
            return memory.iova(page * 4096L);
        }

        private void command(
                int queue, int slot, int opcode, int nsid, long prp1, int id, int cdw11) {
            long at = queue * 8192L + slot * 64L;
            memory.segment().asSlice(at, 64).fill((byte) 0);
            memory.segment().set(JAVA_INT, at, opcode | slot << 16);
            memory.segment().set(JAVA_INT, at + 4, nsid);
            memory.segment().set(JAVA_LONG, at + 24, prp1);
            memory.segment().set(JAVA_INT, at + 40, (ENTRIES - 1) << 16 | id);
            memory.segment().set(JAVA_INT, at + 44, cdw11);
        }

        /** Fills a queue with entries that are half right, and rings. */
        private void commands(int queue) {
            for (int slot = 0; slot < ENTRIES; slot++) {
                long at = queue * 8192L + slot * 64L;
                for (int i = 0; i < 16; i++) {
                    memory.segment().set(JAVA_INT, at + 4L * i, anything());
                }
                int head = queue == 0 ? adminOpcode() : random.nextInt(14);
                head |= random.nextInt(8) == 0 ? random.nextInt(256) << 8 : 0;
                head |= random.nextInt(6) == 0 ? 1 << 14 : 0; // an SGL
                memory.segment().set(JAVA_INT, at, head | slot << 16);
                memory.segment().set(JAVA_INT, at + 4, namespace());
                memory.segment().set(JAVA_LONG, at + 24, address());
                memory.segment()
                        .set(JAVA_LONG, at + 32, random.nextBoolean() ? address() : descriptor());
                if (queue == 0 && random.nextInt(3) != 0) {
                    int number = random.nextInt(24);
                    memory.segment().set(JAVA_INT, at + 40, number | random.nextInt(64) << 16);
                    memory.segment().set(JAVA_INT, at + 44, random.nextInt(4));
                }
                if (queue != 0 && random.nextInt(3) != 0) {
                    memory.segment().set(JAVA_LONG, at + 40, random.nextInt(2100));
                    memory.segment().set(JAVA_INT, at + 48, random.nextInt(300));
                }
            }
            int ring = random.nextInt(10) == 0 ? anything() : random.nextInt(ENTRIES);
            doorbells.writeRegister(queue, false, ring);
            device.serve();
            doorbells.writeRegister(queue, true, random.nextInt(ENTRIES));
        }

        private int adminOpcode() {
            int[] opcodes = {0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 0x15, 0x18, 0x7c, 0x80, 0xff};
            return opcodes[random.nextInt(opcodes.length)];
        }

        private int namespace() {
            return random.nextInt(8) == 0 ? anything() : random.nextInt(4);
        }

        private long address() {
            return switch (random.nextInt(12)) {
                case 0 -> random.nextLong();
                case 1 -> memory.iova(random.nextInt(MEMORY));
                case 2 -> memory.iova(random.nextInt(MEMORY / 8) * 8L);
                case 3 -> memory.iova(MEMORY) - 512;
                case 4 -> hidden.iova(random.nextInt(512) * 8L);
                case 5 -> hidden.iova();
                default -> memory.iova((8 + random.nextInt(56)) * 4096L);
            };
        }

        private long descriptor() {
            return (long) random.nextInt(16) << 60 | random.nextInt(1 << random.nextInt(20));
        }

        private int anything() {
            return switch (random.nextInt(4)) {
                case 0 -> random.nextInt();
                case 1 -> random.nextInt(256);
                case 2 -> 1 << random.nextInt(32);
                default -> 0;
            };
        }

        private void register() {
            int[] offsets = {0x00, 0x0c, 0x10, 0x14, 0x1c, 0x20, 0x24, 0x28, 0x30, 0x38, 0xf00};
            int offset = offsets[random.nextInt(offsets.length)] + random.nextInt(2) * 4;
            switch (random.nextInt(5)) {
                case 0 -> registers.bar().write64(offset & -8, random.nextLong());
                case 1 -> registers.bar().write32(offset, anything());
                case 2 -> registers.bar().write8(offset + random.nextInt(4), anything());
                case 3 -> registers.nssr(ControllerRegisters.NSSR_RESET);
                default -> registers.cc(ENABLE | (anything() & 0x3ff0));
            }
        }
    }
}
