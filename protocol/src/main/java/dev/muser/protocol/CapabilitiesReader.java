package dev.muser.protocol;

import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;
import tools.jackson.core.ObjectReadContext;
import tools.jackson.core.StreamReadConstraints;
import tools.jackson.core.StreamReadFeature;
import tools.jackson.core.TokenStreamFactory;
import tools.jackson.core.exc.StreamConstraintsException;
import tools.jackson.core.exc.StreamReadException;
import tools.jackson.core.json.JsonFactory;

/** JSON of the other side to {@link Capabilities}: every limit is here because it is hostile. */
final class CapabilitiesReader {
    /** Real texts are below 300 bytes; the rest is room for keys not known yet. */
    static final int MAX_TEXT = 16 << 10;

    static final int MAX_DEPTH = 16;

    /** Digits of 2^64 - 1. */
    static final int MAX_NUMBER = 20;

    static final int MAX_STRING = 1024;

    private static final JsonFactory FACTORY =
            JsonFactory.builder()
                    .streamReadConstraints(
                            StreamReadConstraints.builder()
                                    .maxDocumentLength(MAX_TEXT)
                                    .maxNestingDepth(MAX_DEPTH)
                                    .maxNumberLength(MAX_NUMBER)
                                    .maxStringLength(MAX_STRING)
                                    .maxNameLength(MAX_STRING)
                                    .build())
                    .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
                    // Names of one client must not stay in a table that all clients share.
                    .disable(TokenStreamFactory.Feature.CANONICALIZE_PROPERTY_NAMES)
                    .disable(TokenStreamFactory.Feature.INTERN_PROPERTY_NAMES)
                    .build();

    private final JsonParser json;

    private CapabilitiesReader(JsonParser json) {
        this.json = json;
    }

    static Capabilities read(byte[] text) throws ProtocolException {
        String string = text(text);
        try (JsonParser json = FACTORY.createParser(ObjectReadContext.empty(), string)) {
            return new CapabilitiesReader(json).readDocument();
        } catch (StreamReadException | StreamConstraintsException e) {
            throw refused("the JSON text cannot be read: " + e.getOriginalMessage());
        } catch (IllegalArgumentException e) {
            throw refused(String.valueOf(e.getMessage()));
        }
    }

    private static ProtocolException refused(String why) {
        return new ProtocolException(Wire.EINVAL, why);
    }

    /** Strips the NUL and decodes strictly; Jackson would guess UTF-16 from the first bytes. */
    private static String text(byte[] text) throws ProtocolException {
        if (text.length > MAX_TEXT) {
            throw refused(
                    "the JSON text has " + text.length + " bytes: at most " + MAX_TEXT + " taken");
        }
        int end = text.length - 1;
        if (text[end] != 0) {
            throw refused("the JSON text must end in a NUL byte");
        }
        for (int i = 0; i < end; i++) {
            if (text[i] == 0) {
                throw refused("the JSON text has a NUL byte at " + i + ", before its end");
            }
        }
        try {
            return StandardCharsets.UTF_8
                    .newDecoder()
                    .decode(ByteBuffer.wrap(text, 0, end))
                    .toString();
        } catch (CharacterCodingException e) {
            throw refused("the JSON text is not UTF-8");
        }
    }

    private Capabilities readDocument() throws ProtocolException {
        expectObject(json.nextToken(), "the JSON text");
        Capabilities capabilities = Capabilities.DEFAULTS;
        for (String key = json.nextName(); key != null; key = json.nextName()) {
            JsonToken value = json.nextToken();
            if (key.equals("capabilities")) {
                expectObject(value, "capabilities");
                capabilities = readCapabilities();
            } else {
                json.skipChildren();
            }
        }
        if (json.nextToken() != null) {
            throw refused("the JSON text goes on after its object");
        }
        return capabilities;
    }

    private Capabilities readCapabilities() throws ProtocolException {
        var defaults = Capabilities.DEFAULTS;
        int maxMsgFds = defaults.maxMsgFds();
        long maxDataXferSize = defaults.maxDataXferSize();
        long maxDmaMaps = defaults.maxDmaMaps();
        long pgsizes = defaults.pgsizes();
        boolean writeMultiple = defaults.writeMultiple();
        Capabilities.@Nullable TwinSocket twinSocket = null;
        Capabilities.@Nullable Migration migration = null;
        for (String key = json.nextName(); key != null; key = json.nextName()) {
            JsonToken value = json.nextToken();
            switch (key) {
                case "max_msg_fds" -> maxMsgFds = (int) number(value, key, Integer.MAX_VALUE);
                case "max_data_xfer_size" -> maxDataXferSize = number(value, key, Long.MAX_VALUE);
                case "max_dma_maps" -> maxDmaMaps = number(value, key, Long.MAX_VALUE);
                case "pgsizes" -> pgsizes = number(value, key, -1);
                case "write_multiple" -> writeMultiple = bool(value, key);
                case "twin_socket" -> twinSocket = readTwinSocket(value);
                case "migration" -> migration = readMigration(value);
                default -> json.skipChildren();
            }
        }
        return new Capabilities(
                maxMsgFds,
                maxDataXferSize,
                maxDmaMaps,
                pgsizes,
                writeMultiple,
                twinSocket,
                migration);
    }

    private Capabilities.TwinSocket readTwinSocket(@Nullable JsonToken object)
            throws ProtocolException {
        expectObject(object, "twin_socket");
        boolean supported = false;
        int fdIndex = Capabilities.TwinSocket.NO_FD;
        for (String key = json.nextName(); key != null; key = json.nextName()) {
            JsonToken value = json.nextToken();
            switch (key) {
                case "supported" -> supported = bool(value, "twin_socket.supported");
                case "fd_index" ->
                        fdIndex = (int) number(value, "twin_socket.fd_index", Integer.MAX_VALUE);
                default -> json.skipChildren();
            }
        }
        return new Capabilities.TwinSocket(supported, fdIndex);
    }

    private Capabilities.Migration readMigration(@Nullable JsonToken object)
            throws ProtocolException {
        expectObject(object, "migration");
        long pgsize = Capabilities.MIN_PAGE_SIZE;
        long maxBitmapSize = Capabilities.Migration.DEFAULT_MAX_BITMAP_SIZE;
        for (String key = json.nextName(); key != null; key = json.nextName()) {
            JsonToken value = json.nextToken();
            switch (key) {
                case "pgsize" -> pgsize = number(value, "migration.pgsize", Long.MAX_VALUE);
                case "max_bitmap_size" ->
                        maxBitmapSize = number(value, "migration.max_bitmap_size", Long.MAX_VALUE);
                default -> json.skipChildren();
            }
        }
        return new Capabilities.Migration(pgsize, maxBitmapSize);
    }

    private static void expectObject(@Nullable JsonToken token, String what)
            throws ProtocolException {
        if (token != JsonToken.START_OBJECT) {
            throw refused(what + " must be an object, is " + describe(token));
        }
    }

    /** Reads an integer of 0 to {@code max}, which is unsigned. */
    private long number(@Nullable JsonToken token, String key, long max) throws ProtocolException {
        if (token != JsonToken.VALUE_NUMBER_INT) {
            throw refused(key + " must be an integer, is " + describe(token));
        }
        String digits = json.getString();
        try {
            long value = Long.parseUnsignedLong(digits);
            if (Long.compareUnsigned(value, max) <= 0) {
                return value;
            }
        } catch (NumberFormatException e) {
            // Negative, or 2^64 and above: out of range like the others.
        }
        throw refused(key + " is " + digits + ": must be 0 to " + Long.toUnsignedString(max));
    }

    private static boolean bool(@Nullable JsonToken token, String key) throws ProtocolException {
        return switch (token) {
            case VALUE_TRUE -> true;
            case VALUE_FALSE -> false;
            case null, default ->
                    throw refused(key + " must be true or false, is " + describe(token));
        };
    }

    private static String describe(@Nullable JsonToken token) {
        return switch (token) {
            case null -> "missing";
            case START_OBJECT -> "an object";
            case START_ARRAY -> "an array";
            case VALUE_STRING -> "a string";
            case VALUE_NUMBER_INT -> "an integer";
            case VALUE_NUMBER_FLOAT -> "a number with a fraction or an exponent";
            case VALUE_TRUE, VALUE_FALSE -> "a boolean";
            case VALUE_NULL -> "null";
            default -> token.toString();
        };
    }
}
