package dev.muser.fuzz;

import java.util.Map;

/** Servers that answer, in both ways, and some that do not. */
final class NbdSeeds {
    private NbdSeeds() {}

    static Map<String, byte[]> all() {
        return Map.of(
                // structured replies to reads, simple ones to the rest
                "structured", new Seed().u8(0, 2, 2, 0, 2, 0, 1).get(),
                "halves", new Seed().u8(0, 0x83, 0, 4, 0x0b, 4, 4).get(),
                "holes", new Seed().u8(0, 0x0c).value(0).value(4096).get(),
                "errors", new Seed().u8(0, 0x0d, 6, 0, 0, 0, 5, 0, 0).get(),
                "simple", new Seed().u8(0x40).u32(0x8000_0001L).u8(0, 1, 0, 0, 8).get(),
                "by-name", new Seed().u8(0x20, 2, 2, 0).get(),
                "sizes",
                        new Seed()
                                .u8(0x14)
                                .value(1 << 20)
                                .value(1)
                                .value(4096)
                                .value(1 << 20)
                                .get(),
                "no-server", new Seed().u8(1).text("HTTP/1.1 400 Bad Request\r\n\r\n").get());
    }
}
