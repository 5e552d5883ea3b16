package dev.muser.fuzz;

import java.util.Map;

/** What QEMU, SPDK and this project's own client say, and what nobody should. */
final class VersionSeeds {
    private VersionSeeds() {}

    private static byte[] version(String json) {
        return new Seed().u16(0).u16(2).text(json).u8(0).get();
    }

    static Map<String, byte[]> all() {
        return Map.of(
                "qemu",
                version(
                        "{\"capabilities\":{\"max_msg_fds\":8,\"max_data_xfer_size\":1048576,"
                                + "\"pgsizes\":4096,\"max_dma_maps\":65535,"
                                + "\"migration\":{\"pgsize\":4096,"
                                + "\"max_bitmap_size\":268435456}}}"),
                "driver",
                version(
                        "{\"capabilities\":{\"max_msg_fds\":16,\"write_multiple\":true,"
                                + "\"twin_socket\":{\"supported\":true,\"fd_index\":0}}}"),
                "none",
                new Seed().u16(0).u16(1).get(),
                "unknown",
                version("{\"x\":[1,-2.5e9,null,\"\\u00e9\"],\"capabilities\":{}}"));
    }
}
