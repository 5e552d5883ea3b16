package dev.muser.devices.nvme;

import java.util.UUID;

/** What a namespace is (NVMe base 1.4, 5.15.2.1, figure 245, and 5.15.2.4). */
final class IdentifyNamespace {
    private static final int SIZE = 4096;

    /** Block sizes of the LBA formats, as powers of two, by their index. */
    private static final int[] FORMATS = {9, 12};

    // NSFEAT
    private static final int OWN_ATOMICITY = 1 << 1; // NAWUN and NAWUPF: one block
    private static final int PREFERRED_SIZES = 1 << 4;

    // DLFEAT
    private static final int READS_ZERO = 1;
    private static final int WRITE_ZEROES_DEALLOCATES = 1 << 3;

    private static final int WRITE_PROTECTED = 1;

    // descriptors (figure 249)
    private static final int EUI64 = 1;
    private static final int NGUID = 2;
    private static final int UUID_TYPE = 3;

    /** The vendor's part of identifiers. */
    private static final long OUI = 0x52_54_00;

    private IdentifyNamespace() {}

    /** Returns how many LBA formats there are. */
    static int formats() {
        return FORMATS.length;
    }

    /** Returns the block size of an LBA format, as a power of two. */
    static int shiftOf(int format) {
        return FORMATS[format];
    }

    /** Whether the namespace can have blocks of that size. */
    static boolean canHave(Namespace namespace, int shift) {
        var info = namespace.info();
        return info.alignment() <= 1 << shift && info.size() >>> shift > 0;
    }

    static DataStructure structure(Namespace namespace) {
        var s = new DataStructure(SIZE);
        var info = namespace.info();
        long blocks = namespace.blocks();
        int shift = namespace.shift();
        s.u64(0, blocks).u64(8, blocks).u64(16, blocks);
        s.u8(24, OWN_ATOMICITY | PREFERRED_SIZES).u8(25, FORMATS.length - 1);
        s.u8(33, info.discardsReadZero() ? READS_ZERO : 0);
        if (info.discards()) {
            s.u8(33, (info.discardsReadZero() ? READS_ZERO : 0) | WRITE_ZEROES_DEALLOCATES);
        }
        s.u16(38, (Processor.MOST_DATA >>> shift) - 1); // NACWU
        s.u64(48, blocks << shift);
        int preferred = Math.max(1, 4096 >>> shift) - 1; // NPWG, NPWA, NPDG, NPDA
        s.u16(64, preferred).u16(66, preferred).u16(68, preferred).u16(70, preferred);
        s.u8(99, namespace.isReadOnly() ? WRITE_PROTECTED : 0);
        nguid(s, 104, namespace.uuid());
        eui64(s, 120, namespace.uuid());
        for (int i = 0; i < FORMATS.length; i++) {
            if (FORMATS[i] == shift) {
                s.u8(26, i);
            }
            if (canHave(namespace, FORMATS[i])) {
                s.u32(128 + 4L * i, FORMATS[i] << 16);
            }
        }
        return s;
    }

    /** What all namespaces have in common. */
    static DataStructure common() {
        var s = new DataStructure(SIZE);
        s.u8(24, PREFERRED_SIZES).u8(25, FORMATS.length - 1);
        for (int i = 0; i < FORMATS.length; i++) {
            s.u32(128 + 4L * i, FORMATS[i] << 16);
        }
        return s;
    }

    /**
     * The descriptors of a namespace's identity, each:
     *
     * <pre>
     *   0  u8  type    1  u8  length of the identifier    4  the identifier
     * </pre>
     */
    static DataStructure descriptors(Namespace namespace) {
        var s = new DataStructure(SIZE);
        s.u8(0, EUI64).u8(1, 8);
        eui64(s, 4, namespace.uuid());
        s.u8(12, NGUID).u8(13, 16);
        nguid(s, 16, namespace.uuid());
        s.u8(32, UUID_TYPE).u8(33, 16);
        s.uuid(36, namespace.uuid());
        return s;
    }

    /** The OUI and 40 bits of the UUID. */
    private static void eui64(DataStructure s, long at, UUID uuid) {
        s.bigEndian64(at, OUI << 40 | (uuid.getLeastSignificantBits() & 0xff_ffff_ffffL));
    }

    /** 64 bits of the UUID, the OUI and 40 more bits. */
    private static void nguid(DataStructure s, long at, UUID uuid) {
        s.bigEndian64(at, uuid.getMostSignificantBits());
        eui64(s, at + 8, uuid);
    }
}
