package dev.muser.fuzz;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;

/** What the fuzzer begins with: what real clients do, in the bytes that the targets read. */
final class Seeds {
    private static final int SPARSE = 0x17; // answers what is asked for, made up
    private static final int PLAIN = 0x07; // answers it, as it is
    private static final int TURN = 0x06;
    private static final int EXPIRE = 0x19;
    private static final int IRQ_INSTALL = 0x0a;

    private Seeds() {}

    /** Writes them all under the folder that is the argument. */
    public static void main(String[] arguments) throws IOException {
        for (var target : Targets.values()) {
            var folder = Path.of(arguments[0]).resolve(target.label());
            Files.createDirectories(folder);
            for (var seed : of(target).entrySet()) {
                Files.write(folder.resolve(seed.getKey()), seed.getValue());
            }
        }
    }

    /** Returns a target's seeds by name. */
    static Map<String, byte[]> of(Targets target) {
        return switch (target) {
            case MESSAGES -> MessageSeeds.all();
            case VERSION -> VersionSeeds.all();
            case SESSION -> SessionSeeds.all();
            case CONFIG -> Map.of("sizing", sizing(), "interrupts", messageInterrupts());
            case EDU -> Map.of("factorial", factorial(), "dma", eduDma());
            case IDIO16 -> Map.of("outputs", outputs());
            case CONFORMANCE -> Map.of("regions", regions(), "migration", stream(10_000));
            case TIMER -> Map.of("expires", expires());
            case NVME -> NvmeSeeds.all();
            case STATE -> damage();
            case MIGRATION -> Map.of("moved", moved(), "there", incoming());
            case NBD -> NbdSeeds.all();
        };
    }

    /** A write of a named register. Width 0 is 4 bytes, 1 is 8. */
    private static Seed set(Seed seed, int bar, int register, int width, long value) {
        return seed.u8(0, bar, width, register).value(value);
    }

    private static Seed get(Seed seed, int bar, int register, int width) {
        return seed.u8(3, bar, width, register);
    }

    private static Seed line(Seed seed) {
        return seed.u8(IRQ_INSTALL, DeviceRun.TRIGGER << 3)
                .value(0)
                .u8(0); // INTx, TRIGGER, one from 0
    }

    private static byte[] factorial() {
        var seed = line(new Seed());
        get(seed, 0, 0, 0);
        set(seed, 0, 1, 0, 0x12345678);
        set(seed, 0, 3, 0, 0x80);
        set(seed, 0, 2, 0, 10);
        seed.u8(TURN, 4);
        get(seed, 0, 4, 0);
        set(seed, 0, 6, 0, 1);
        return set(seed, 0, 5, 0, 2).get();
    }

    private static byte[] eduDma() {
        var seed = line(new Seed());
        set(seed, 0, 7, 1, 0x1000);
        set(seed, 0, 8, 1, 0x40000);
        set(seed, 0, 9, 1, 100);
        set(seed, 0, 10, 1, 5);
        seed.u8(TURN, 2, SPARSE).u16(0xffff).u8(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14);
        set(seed, 0, 7, 1, 0x40000);
        set(seed, 0, 8, 1, 0x10_2000);
        set(seed, 0, 10, 1, 3);
        return seed.u8(TURN, 2, PLAIN, EXPIRE).get();
    }

    private static byte[] outputs() {
        var seed = line(new Seed());
        for (int register = 0; register < 6; register++) {
            get(seed, 2, register, 3);
            set(seed, 2, register, 3, 0x5a);
        }
        return seed.u8(TURN, 1).get();
    }

    private static byte[] regions() {
        var seed = line(new Seed());
        seed.u8(5, 0x80).u16(0x10).u16(4).raw((byte) 1, (byte) 2, (byte) 3, (byte) 4);
        seed.u8(5, 0x02).u16(0x2000).u16(64);
        seed.u8(5, 0x07).u16(0).u16(255);
        seed.u8(0xbb).value(0x10_0000).value(1); // maps
        seed.u8(0x0b).value(0x10_0000).value(0x10);
        return seed.u8(0x0c).get();
    }

    /** A move of the migration, of {@link DeviceRun#migrate}. */
    private static Seed move(Seed seed, int state) {
        return seed.u8(0x0d).u16(0).u8(state);
    }

    private static byte[] stream(int length) {
        var seed = move(move(new Seed(), 1), 3);
        for (int i = 0; i < length; i += 4095) {
            seed.u8(0x1d).u16(4095);
        }
        move(move(seed, 1), 4);
        seed.u8(0x2d).u16(4095);
        return move(move(seed, 1), 2).get();
    }

    private static byte[] moved() {
        var seed = new Seed();
        seed.u8(0).u16(0).u8(6).u8(1).u16(100).u8(0).u16(0).u8(3);
        for (int i = 0; i < 4; i++) {
            seed.u8(1).u16(4095);
        }
        return seed.u8(0).u16(0).u8(1).u8(0).u16(0).u8(2).get();
    }

    private static byte[] incoming() {
        var seed = new Seed().u8(0).u16(0).u8(1).u8(0).u16(0).u8(4);
        for (int i = 0; i < 3; i++) {
            seed.u8(2).u16(4095);
        }
        seed.u8(2).u16(3).u8(3).u16(8).u64(999);
        return seed.u8(0).u16(0).u8(1).u8(0).u16(0).u8(2).u8(0xc9).get();
    }

    private static byte[] expires() {
        var seed = line(new Seed());
        seed.u8(0, 0, 1, 0).value(1); // long ago
        seed.u8(0x19);
        for (int i = 0; i < 8; i++) {
            seed.u8(PLAIN, TURN, 1);
        }
        return seed.u8(3, 0, 1, 0).get();
    }

    private static byte[] sizing() {
        var seed = new Seed();
        for (int offset = 0x10; offset < 0x34; offset += 4) {
            seed.u8(0x0b).u16(offset).value(0xffff_ffffL);
            seed.u8(0x08).u16(offset);
            seed.u8(0x0b).u16(offset).value(0xfe00_0000L);
        }
        return seed.u8(0x0b).u16(4).value(0x406).get();
    }

    private static byte[] messageInterrupts() {
        var seed = new Seed();
        for (int offset = 0x34; offset < 0x100; offset += 4) {
            seed.u8(0x08).u16(offset);
            seed.u8(0x0b).u16(offset).value(0x8001_0001L);
        }
        seed.u8(0x06).u16(0).u8(2 | DeviceRun.TRIGGER << 3).value(0).u8(3);
        return seed.u8(0x36).u16(0).u8(2 | DeviceRun.TRIGGER << 3).value(0).u8(3).get();
    }

    private static Map<String, byte[]> damage() {
        var seeds = new TreeMap<String, byte[]>();
        seeds.put("sound", new byte[] {0});
        seeds.put("cut", new byte[] {(byte) 0x82});
        seeds.put("magic", new Seed().u8(0).u16(0xe000).u64(1).get());
        seeds.put("end", new Seed().u8(0).u16(0xe008).u64(0x7fff_ffff_ffffL).get());
        seeds.put("areas", new Seed().u8(0).u16(0xe010).u64(40).u16(0xe018).u64(-1).get());
        return seeds;
    }
}
