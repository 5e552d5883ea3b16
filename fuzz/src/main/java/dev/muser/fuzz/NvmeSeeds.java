package dev.muser.fuzz;

import java.util.Map;
import java.util.TreeMap;

/** What a driver does with a controller: queues, and commands in them. */
final class NvmeSeeds {
    private static final int RING = 0x80;
    private static final int RELEASE = 0xb0;
    private static final int SPARSE = 0xc0;
    private static final int PLAIN = 0xd0;
    private static final int SHARE = 0xef;
    private static final int CHANGE = 0xff;
    private static final int TURN = 0x06;
    private static final int CREATE_COMPLETIONS = 0xe4;
    private static final int CREATE_SUBMISSIONS = 0xe0;

    private NvmeSeeds() {}

    /** A fetched entry, as {@link NvmeRun} makes it; words from 10 on. */
    private static Seed command(
            Seed seed, int opcode, int id, int namespace, int page, long... words) {
        seed.u8(opcode, id, 0).value(namespace).page(page).page(1).u8((1 << words.length) - 1);
        for (long word : words) {
            seed.value(word);
        }
        return seed;
    }

    private static Seed admin(int opcode, int namespace, long... words) {
        var seed = new Seed().u8(RING, 0, PLAIN);
        return command(seed, opcode, 1, namespace, 2, words).u8(PLAIN | 3, PLAIN | 3);
    }

    /** In memory that is shared, or the controller refuses. */
    private static byte[] doorbells() {
        var seed = new Seed().u8(RING, 0, PLAIN, 0x7c, 1, 0).value(0).shared(1).shared(2);
        return seed.u8(0, PLAIN | 3).get();
    }

    /** Begins with the first pair of I/O queues. */
    private static Seed queues() {
        var seed = new Seed().u8(RING, 1, PLAIN);
        seed.u8(CREATE_COMPLETIONS, 1, CREATE_SUBMISSIONS, 2);
        return seed.u8(PLAIN | 3);
    }

    private static Seed command(int opcode, long... words) {
        return command(queues().u8(RING | 1, 0, PLAIN), opcode, 9, 1, 3, words);
    }

    private static byte[] io(int opcode, long... words) {
        return command(opcode, words).u8(PLAIN | 15, RELEASE | 1).get();
    }

    /** Of eight pages: the first, and those of a list. */
    private static byte[] readList() {
        var seed = command(2, 0, 0, 63).u8(SPARSE).u16(0x1555);
        for (int page = 4; page < 11; page++) {
            seed.page(page);
        }
        return seed.u8(PLAIN | 15, RELEASE | 1).get();
    }

    /** The queues are shared, and one command is changed when the controller knows of it. */
    private static byte[] shared(int opcode, long... words) {
        var seed = new Seed().u8(SHARE, RING, 1, CREATE_COMPLETIONS, 1, CREATE_SUBMISSIONS, 2);
        seed.u8(TURN, 3, RING | 1, 1);
        command(seed, opcode, 9, 1, 3, words);
        command(seed, opcode, 10, 1, 3, words);
        return seed.u8(CHANGE, 1, 1, 9, 0).u8(PLAIN | 15, PLAIN | 15, RELEASE | 1, RELEASE).get();
    }

    static Map<String, byte[]> all() {
        var seeds = new TreeMap<String, byte[]>();
        seeds.put("identify", admin(6, 0, 1).get());
        seeds.put("identify-namespace", admin(6, 1, 0).get());
        seeds.put("log-smart", admin(2, -1, 0x7f_0002L).get());
        seeds.put("features", admin(9, 0, 7, 0x0003_0003L).get());
        seeds.put("event", admin(12, 0).get());
        seeds.put("abort", admin(8, 0, 0x1_0001L).get());
        seeds.put("format", admin(0x80, 1, 0).get());
        seeds.put("doorbells", doorbells());
        seeds.put("write", io(1, 0, 0, 7));
        seeds.put("read", io(2, 4, 0, 7));
        seeds.put("read-list", readList());
        seeds.put("compare", io(5, 0, 0, 0));
        seeds.put("zeroes", io(8, 0, 0, 7));
        seeds.put("discard", io(9, 0, 4));
        seeds.put("flush", io(0));
        seeds.put("shared-write", shared(1, 0, 0, 7));
        seeds.put("shared-read", shared(2, 4, 0, 7));
        seeds.put("shared-read-list", shared(2, 0, 0, 63));
        seeds.put("shared-flush", shared(0));
        return seeds;
    }
}
