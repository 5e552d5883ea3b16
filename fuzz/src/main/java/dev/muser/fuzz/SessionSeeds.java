package dev.muser.fuzz;

import java.util.HashMap;
import java.util.Map;

/** What clients send, in the order that they do. */
final class SessionSeeds {
    private static final int CONFORMANCE = 0;
    private static final int TIMER = 1;

    private final Seed seed;
    private int id;

    private SessionSeeds(int device) {
        seed = new Seed().u8(device);
    }

    static Map<String, byte[]> all() {
        var seeds =
                new HashMap<>(
                        Map.of(
                                "queries", queries(),
                                "memory", memory(),
                                "interrupts", interrupts(),
                                "accesses", accesses(),
                                "migration", migration(),
                                "expires", expires(),
                                "broken", broken()));
        for (var seed : Map.copyOf(seeds).entrySet()) {
            byte[] same = seed.getValue().clone();
            same[0] |= SessionTarget.KEPT;
            seeds.put("kept-" + seed.getKey(), same);
        }
        return seeds;
    }

    private SessionSeeds send(int command, int options, Seed payload) {
        byte[] bytes = payload.get();
        seed.u8(command, options, bytes.length).raw(bytes).u8(id++);
        return this;
    }

    private SessionSeeds map(int descriptors, long iova, long size) {
        var payload = new Seed().u32(32).u32(3).u64(0).u64(iova).u64(size);
        byte[] bytes = payload.get();
        int options = descriptors == 0 ? 0 : SessionTarget.KINDS | 0x10;
        seed.u8(2, options, bytes.length).raw(bytes).u8(id++);
        if (descriptors != 0) {
            seed.u8(1); // sealed memory
        }
        return this;
    }

    private static Seed region(int region, long offset, int count) {
        return new Seed().u64(offset).u32(region).u32(count);
    }

    private static byte[] queries() {
        var made = new SessionSeeds(CONFORMANCE);
        made.send(4, 0, new Seed().u32(16).u32(0).u32(0).u32(0));
        for (int index = 0; index < 9; index++) {
            made.send(5, 0, new Seed().u32(96).u32(0).u32(index).u32(0).u64(0).u64(0));
        }
        for (int index = 0; index < 5; index++) {
            made.send(7, 0, new Seed().u32(16).u32(0).u32(index).u32(0));
        }
        made.send(6, 0, new Seed().u32(512).u32(0).u32(4).u32(0));
        return made.send(13, 0, new Seed()).seed.get();
    }

    private static byte[] memory() {
        var made = new SessionSeeds(CONFORMANCE);
        made.map(0, 0, 0x10000).map(1, 0x10_0000, 0x10000);
        made.send(3, 0, new Seed().u32(24).u32(0).u64(0).u64(0x10000));
        return made.send(3, 0, new Seed().u32(24).u32(2).u64(0).u64(0)).seed.get();
    }

    private static byte[] interrupts() {
        var made = new SessionSeeds(CONFORMANCE);
        made.send(8, 0x10, new Seed().u32(20).u32(0x24).u32(0).u32(0).u32(1));
        made.send(8, 0x30, new Seed().u32(20).u32(0x24).u32(2).u32(0).u32(3));
        made.send(8, 0, new Seed().u32(20).u32(0x21).u32(2).u32(0).u32(3));
        made.send(8, 0, new Seed().u32(23).u32(0x22).u32(2).u32(0).u32(3).u8(1, 0, 1));
        return made.send(8, 0, new Seed().u32(20).u32(0x21).u32(0).u32(0).u32(0)).seed.get();
    }

    private static byte[] accesses() {
        var made = new SessionSeeds(CONFORMANCE);
        made.send(9, 0, region(7, 0, 4));
        made.send(10, 0, region(7, 4, 2).u16(6));
        made.send(10, SessionTarget.NO_REPLY, region(0, 16, 4).u32(0x1234));
        made.send(9, 0, region(0, 16, 4));
        var multi = new Seed().u64(2);
        multi.u64(0).u32(0).u32(8).u64(1).u64(8).u32(0).u32(8).u64(2);
        return made.send(15, 0, multi).seed.get();
    }

    private static Seed state(int state) {
        return new Seed().u32(16).u32(2 | 1 << 17).u32(state).u32(0xffff_ffffL);
    }

    private static byte[] migration() {
        var made = new SessionSeeds(CONFORMANCE);
        made.send(16, 0, new Seed().u32(16).u32(1 | 1 << 16).u64(0));
        made.send(16, 0, state(1)).send(16, 0, state(3));
        made.send(17, 0, new Seed().u32(4096).u32(4080));
        made.send(16, 0, state(1)).send(16, 0, state(4));
        made.send(18, 0, new Seed().u32(16).u32(8).u64(0));
        made.send(16, 0, state(1)).send(16, 0, state(2));
        made.send(16, 0, new Seed().u32(32).u32(6 | 1 << 17).u64(4096).u32(0).u32(0).u64(0));
        var report = new Seed().u32(40).u32(8 | 1 << 16).u64(0).u64(0x10000).u64(4096).u64(0);
        made.send(16, 0, report);
        return made.send(16, 0, new Seed().u32(8).u32(7 | 1 << 17)).seed.get();
    }

    private static byte[] expires() {
        var made = new SessionSeeds(TIMER);
        made.map(0, 0, 0x10000).map(1, 0x10_0000, 0x10000);
        made.send(8, 0x10, new Seed().u32(20).u32(0x24).u32(0).u32(0).u32(1));
        made.send(10, 0, region(0, 0, 8).u64(1));
        for (int i = 0; i < 10; i++) {
            made.send(9, 0, region(0, 0, 8));
            made.seed.u8(0);
        }
        return made.seed.get();
    }

    private static byte[] broken() {
        var made = new SessionSeeds(CONFORMANCE);
        made.seed.u8(9, SessionTarget.SPLIT, 16).raw(region(7, 0, 4).get()).u8(20, 1);
        made.seed.u8(9, SessionTarget.FLAGS, 16).raw(region(7, 0, 4).get()).u8(1, 2);
        made.seed.u8(9, SessionTarget.LIE, 16).raw(region(7, 0, 4).get()).u8(200, 1, 3);
        return made.seed.get();
    }
}
