package dev.muser.devices.nvme;

/** What a controller says of itself (NVMe base 1.4, 5.15.2.2, figure 247). */
final class IdentifyController {
    /** The controller's identifier in its subsystem, where it is alone. */
    static final int ID = 1;

    static final String FIRMWARE = "1.0";

    /** Asynchronous Event Requests that may wait. */
    static final int EVENT_REQUESTS = 4;

    /** Unit of the keep alive timer, in milliseconds. */
    static final int KEEP_ALIVE_UNIT = 100;

    // OAES, CTRATT
    private static final int NAMESPACE_NOTICES = 1 << 8;
    private static final int HOST_ID_128 = 1;

    // OACS
    private static final int FORMAT = 1 << 1;
    private static final int NAMESPACE_MANAGEMENT = 1 << 3;
    private static final int DOORBELL_BUFFER = 1 << 8;

    // FRMW: one slot, which cannot be written
    private static final int ONE_READ_ONLY_SLOT = 1 << 1 | 1;

    // LPA
    private static final int EFFECTS_LOG = 1 << 1;
    private static final int EXTENDED_LOG_DATA = 1 << 2;

    // ONCS
    private static final int COMPARE = 1;
    private static final int DATASET_MANAGEMENT = 1 << 2;
    private static final int WRITE_ZEROES = 1 << 3;
    private static final int FEATURE_SELECT = 1 << 4;
    private static final int TIMESTAMP = 1 << 6;
    private static final int VERIFY = 1 << 7;

    private static final int COMPARE_AND_WRITE = 1;

    // VWC
    private static final int CACHE_PRESENT = 1;
    private static final int FLUSH_ALL = 3 << 1;

    private static final int SGL = 1;
    private static final int WRITE_PROTECT = 1;

    private final NvmeOptions options;
    private final Namespaces namespaces;

    IdentifyController(NvmeOptions options, Namespaces namespaces) {
        this.options = options;
        this.namespaces = namespaces;
    }

    DataStructure structure() {
        var s = new DataStructure(4096);
        s.u16(0, Nvme.VENDOR).u16(2, Nvme.VENDOR);
        s.padded(4, 20, options.serial()).padded(24, 40, options.model());
        s.padded(64, 8, FIRMWARE);
        s.u8(72, 5); // RAB: bursts of 32 commands
        s.u8(73, 0x00).u8(74, 0x54).u8(75, 0x52); // IEEE
        s.u8(77, Processor.MDTS).u16(78, ID).u32(80, Registers.VERSION);
        s.u32(84, 1_000_000).u32(88, 10_000_000); // RTD3R, RTD3E in microseconds
        s.u32(92, NAMESPACE_NOTICES).u32(96, HOST_ID_128);
        s.u8(111, 1); // CNTRLTYPE: I/O controller
        administration(s);
        commands(s);
        s.text(
                768,
                "nqn.2014-08.org.nvmexpress:uuid:%s"
                        .formatted(NamespaceOptions.uuidOf(options.serial())));
        s.u16(2048, 2500).u32(2052, 16).u32(2056, 4); // PSD0: 25 W
        return s;
    }

    private void administration(DataStructure s) {
        s.u16(256, FORMAT | NAMESPACE_MANAGEMENT | DOORBELL_BUFFER);
        s.u8(258, 3).u8(259, EVENT_REQUESTS - 1); // ACL, AERL
        s.u8(260, ONE_READ_ONLY_SLOT).u8(261, EFFECTS_LOG | EXTENDED_LOG_DATA);
        s.u8(262, ErrorLog.ENTRIES - 1);
        s.u8(263, 0); // NPSS: one power state
        s.u16(266, Temperature.WARNING).u16(268, Temperature.CRITICAL);
        long capacity = 0;
        for (var namespace : namespaces.all()) {
            capacity += namespace.info().size();
        }
        s.u64(280, capacity); // TNVMCAP; nothing of it is unallocated
        s.u16(320, KEEP_ALIVE_UNIT / 100);
    }

    private void commands(DataStructure s) {
        s.u8(512, 0x66).u8(513, 0x44); // SQES, CQES
        s.u16(514, Controller.MOST_ENTRIES).u32(516, Namespaces.MOST);
        s.u16(
                520,
                COMPARE | DATASET_MANAGEMENT | WRITE_ZEROES | FEATURE_SELECT | TIMESTAMP | VERIFY);
        s.u16(522, COMPARE_AND_WRITE);
        s.u8(525, FLUSH_ALL | (namespaces.haveVolatileCache() ? CACHE_PRESENT : 0));
        s.u8(531, WRITE_PROTECT);
        // AWUN, AWUPF: one block; compare-and-write has the namespace for itself, whatever its size
        s.u16(532, Processor.MOST_DATA / 4096 - 1);
        s.u32(536, SGL);
    }
}
