package dev.muser.cli.pci;

import java.util.ArrayList;
import java.util.List;

/**
 * Reads a configuration space as software would: the header, then the lists of capabilities. What
 * is wrong with it is reported, and never stops the rest.
 */
public final class ConfigDecoder {
    private static final int STATUS = 0x06;
    private static final int STATUS_CAPABILITIES = 1 << 4;
    private static final int CAPABILITIES = 0x34;
    private static final int FIRST = 0x40;
    private static final int CONVENTIONAL = 0x100;

    private final ConfigBytes config;
    private final List<Structure> structures = new ArrayList<>();
    private final List<String> problems = new ArrayList<>();

    private ConfigDecoder(ConfigBytes config) {
        this.config = config;
    }

    /**
     * @param bytes the space, from its start: 64 bytes at least, for all that is in it 256 or 4096
     * @param barSizes the sizes of BAR 0 to 5 and of the ROM; 0 where there is none
     */
    public static Function decode(byte[] bytes, long[] barSizes) {
        if (bytes.length < FIRST) {
            throw new IllegalArgumentException(
                    "configuration space of %d bytes: the header alone has 64"
                            .formatted(bytes.length));
        }
        return new ConfigDecoder(new ConfigBytes(bytes)).decode(barSizes);
    }

    private Function decode(long[] barSizes) {
        int classCode = config.s32(8) >>> 8;
        if (config.u16(0) == 0xffff) {
            problems.add("vendor ID ffff: to software there is no device");
        }
        var header = new Header(config, barSizes).rows();
        int type = config.u8(0x0e) & 0x7f;
        if (type != 0) {
            problems.add(
                    "header of type %d, not 0: a bridge's, which is not decoded".formatted(type));
        } else {
            capabilities();
        }
        extendedCapabilities();
        return new Function(
                config.u16(0),
                config.u16(2),
                config.u8(8),
                classCode,
                ClassCodes.name(classCode),
                header,
                structures,
                problems);
    }

    /** PCI Local Bus 3.0, 6.7: ID u8 @0, next u8 @1. */
    private void capabilities() {
        if ((config.u16(STATUS) & STATUS_CAPABILITIES) == 0) {
            return;
        }
        var seen = new boolean[CONVENTIONAL];
        int at = config.u8(CAPABILITIES) & ~3;
        while (at != 0) {
            if (at < FIRST || at >= config.size()) {
                problems.add(
                        "the list of capabilities leads to %02x, where none can be".formatted(at));
                return;
            }
            if (seen[at]) {
                problems.add("the list of capabilities comes back to %02x".formatted(at));
                return;
            }
            seen[at] = true;
            structures.add(Capabilities.decode(config, at));
            at = config.u8(at + 1) & ~3;
        }
    }

    /** PCI Express Base, 7.6.3: ID bits 0-15, version 16-19, next 20-31; all zero for none. */
    private void extendedCapabilities() {
        if (config.size() <= CONVENTIONAL || config.s32(CONVENTIONAL) == 0) {
            return;
        }
        var seen = new boolean[config.size()];
        int at = CONVENTIONAL;
        while (at != 0) {
            if (at < CONVENTIONAL || at >= config.size()) {
                problems.add(
                        "the list of extended capabilities leads to %03x, where none can be"
                                .formatted(at));
                return;
            }
            if (seen[at]) {
                problems.add("the list of extended capabilities comes back to %03x".formatted(at));
                return;
            }
            seen[at] = true;
            structures.add(ExtendedCapabilities.decode(config, at));
            at = config.s32(at) >>> 20 & ~3;
        }
    }
}
