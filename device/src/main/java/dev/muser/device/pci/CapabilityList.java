package dev.muser.device.pci;

/**
 * Finds places for capability structures and links them, in the order in which they come: the list
 * that begins at register 0x34, and the one of extended capabilities that begins at 0x100.
 */
final class CapabilityList {
    static final int FIRST = 0x40;

    private static final int POINTER = 0x34;
    private static final int STATUS = 0x06;
    private static final int STATUS_CAP_LIST = 0x10;

    private final ConfigSpace config;
    private int last;
    private int lastExtended;

    CapabilityList(ConfigSpace config) {
        this.config = config;
    }

    void add(Capability capability) {
        add(free(capability, FIRST, ConfigSpace.CONVENTIONAL), capability);
    }

    void add(int offset, Capability capability) {
        requirePlace(capability, offset, FIRST, ConfigSpace.CONVENTIONAL);
        capability.place(config, offset);
        if (last == 0) {
            config.initial(POINTER, Width.U8, offset);
            config.initial(STATUS, Width.U16, STATUS_CAP_LIST);
        } else {
            config.initial(last + 1, Width.U8, offset);
        }
        last = offset;
    }

    void add(ExtendedCapability capability) {
        requireExtended();
        add(free(capability, ConfigSpace.CONVENTIONAL, ConfigSpace.EXTENDED), capability);
    }

    void add(int offset, ExtendedCapability capability) {
        requireExtended();
        if (lastExtended == 0 && offset != ConfigSpace.CONVENTIONAL) {
            throw new IllegalArgumentException(
                    "%s at 0x%x: the first extended capability lies at 0x100"
                            .formatted(capability.name(), offset));
        }
        requirePlace(capability, offset, ConfigSpace.CONVENTIONAL, ConfigSpace.EXTENDED);
        capability.place(config, offset);
        if (lastExtended != 0) {
            int header = config.initial(lastExtended) & 0xf_ffff;
            config.initial(lastExtended, Width.U32, header | (offset << 20));
        }
        lastExtended = offset;
    }

    private void requireExtended() {
        if (config.size() == ConfigSpace.CONVENTIONAL) {
            config.extend();
        }
    }

    private int free(CapabilityStructure wanted, int from, int to) {
        for (int at = from; at <= to - wanted.length(); at += 4) {
            if (neighbour(at, at + wanted.length()) == null) {
                return at;
            }
        }
        throw new IllegalArgumentException(
                "no room for %s of %d bytes in 0x%x to 0x%x"
                        .formatted(wanted.name(), wanted.length(), from, to));
    }

    private @org.jspecify.annotations.Nullable CapabilityStructure neighbour(int start, int end) {
        for (var other : config.structures()) {
            if (other.overlaps(start, end)) {
                return other;
            }
        }
        return null;
    }

    private void requirePlace(CapabilityStructure wanted, int offset, int from, int to) {
        int end = offset + wanted.length();
        if (offset % 4 != 0 || offset < from || offset > to || end > to) {
            throw new IllegalArgumentException(
                    "%s of %d bytes at 0x%x: must be a multiple of 4, within 0x%x to 0x%x"
                            .formatted(wanted.name(), wanted.length(), offset, from, to));
        }
        var other = neighbour(offset, end);
        if (other != null) {
            throw new IllegalArgumentException(
                    "%s at 0x%x overlaps %s at 0x%x"
                            .formatted(wanted.name(), offset, other.name(), other.offset()));
        }
    }
}
