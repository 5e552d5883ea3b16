package dev.muser.protocol;

import java.io.StringWriter;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import tools.jackson.core.JsonGenerator;
import tools.jackson.core.ObjectWriteContext;
import tools.jackson.core.json.JsonFactory;

/** {@link Capabilities} to JSON, as short as it can be: QEMU has room for 194 bytes. */
final class CapabilitiesWriter {
    private static final JsonFactory FACTORY = new JsonFactory();

    private CapabilitiesWriter() {}

    static byte[] write(Capabilities capabilities) {
        var text = new StringWriter();
        try (JsonGenerator json = FACTORY.createGenerator(ObjectWriteContext.empty(), text)) {
            json.writeStartObject();
            json.writeName("capabilities");
            json.writeStartObject();
            writeKeys(json, capabilities);
            json.writeEndObject();
            json.writeEndObject();
        }
        return text.append('\0').toString().getBytes(StandardCharsets.UTF_8);
    }

    private static void writeKeys(JsonGenerator json, Capabilities capabilities) {
        var defaults = Capabilities.DEFAULTS;
        json.writeNumberProperty("max_msg_fds", capabilities.maxMsgFds());
        json.writeNumberProperty("max_data_xfer_size", capabilities.maxDataXferSize());
        if (capabilities.maxDmaMaps() != defaults.maxDmaMaps()) {
            json.writeNumberProperty("max_dma_maps", capabilities.maxDmaMaps());
        }
        if (capabilities.pgsizes() != defaults.pgsizes()) {
            json.writeNumberProperty(
                    "pgsizes", new BigInteger(Long.toUnsignedString(capabilities.pgsizes())));
        }
        if (capabilities.writeMultiple()) {
            json.writeBooleanProperty("write_multiple", true);
        }
        var twinSocket = capabilities.twinSocket();
        if (twinSocket != null) {
            json.writeName("twin_socket");
            json.writeStartObject();
            json.writeBooleanProperty("supported", twinSocket.supported());
            if (twinSocket.fdIndex() != Capabilities.TwinSocket.NO_FD) {
                json.writeNumberProperty("fd_index", twinSocket.fdIndex());
            }
            json.writeEndObject();
        }
        var migration = capabilities.migration();
        if (migration != null) {
            json.writeName("migration");
            json.writeStartObject();
            json.writeNumberProperty("pgsize", migration.pgsize());
            if (migration.maxBitmapSize() != Capabilities.Migration.DEFAULT_MAX_BITMAP_SIZE) {
                json.writeNumberProperty("max_bitmap_size", migration.maxBitmapSize());
            }
            json.writeEndObject();
        }
    }
}
