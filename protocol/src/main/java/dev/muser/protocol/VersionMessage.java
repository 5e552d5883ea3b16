package dev.muser.protocol;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** VERSION (1), request and reply: the first message of a session. Not hot. */
public final class VersionMessage extends Payload {
    // struct vfio_user_version {
    //     u16  major;     @0
    //     u16  minor;     @2
    //     char data[];    @4  JSON with a terminating NUL, or nothing
    // };
    private static final int MAJOR = 0;
    private static final int MINOR = 2;
    private static final int JSON = 4;

    /** Length in bytes of the fixed part. */
    public static final int SIZE = 4;

    /** The major version that this package speaks. */
    public static final int CURRENT_MAJOR = 0;

    /** The minor version that this package speaks, which is libvfio-user's. QEMU speaks 0. */
    public static final int CURRENT_MINOR = 2;

    public VersionMessage wrap(MemorySegment segment, long offset, int length) {
        point(segment, offset, length);
        return this;
    }

    /** Checks a request: EINVAL when cut short or of another major version; then to be closed. */
    public int validateRequest() {
        return length() < SIZE || major() != CURRENT_MAJOR ? Wire.EINVAL : 0;
    }

    /** Checks a reply: the same major version, a minor one that is not above the proposed. */
    public int validateReply(int proposedMinor) {
        return length() < SIZE || major() != CURRENT_MAJOR || minor() > proposedMinor
                ? Wire.EINVAL
                : 0;
    }

    public int major() {
        return u16(MAJOR);
    }

    public int minor() {
        return u16(MINOR);
    }

    /** Returns the minor version that both sides speak: the one to answer and to keep to. */
    public int agreedMinor() {
        return Math.min(minor(), CURRENT_MINOR);
    }

    /** Returns where in {@link #segment()} the JSON text starts. */
    public long jsonOffset() {
        return offset() + JSON;
    }

    /** Returns the length of the JSON text in bytes, its NUL included; 0 when there is none. */
    public int jsonLength() {
        return length() - JSON;
    }

    /**
     * Decodes the JSON text.
     *
     * @throws ProtocolException EINVAL; see {@link Capabilities#decode}
     */
    public Capabilities capabilities() throws ProtocolException {
        // One byte above the limit is enough for the decoder to say so, and bounds the copy.
        int copied = Math.min(jsonLength(), CapabilitiesReader.MAX_TEXT + 1);
        var text = new byte[copied];
        MemorySegment.copy(segment(), ValueLayout.JAVA_BYTE, jsonOffset(), text, 0, text.length);
        return Capabilities.decode(text);
    }

    /**
     * Writes a request or a reply.
     *
     * @param json what {@link Capabilities#encode} returned; empty for none. QEMU takes a reply of
     *     at most 194 bytes here
     * @return the payload's length
     */
    public static int encode(MemorySegment segment, long at, int major, int minor, byte[] json) {
        Wire.u16(segment, at + MAJOR, major);
        Wire.u16(segment, at + MINOR, minor);
        MemorySegment.copy(json, 0, segment, ValueLayout.JAVA_BYTE, at + JSON, json.length);
        return JSON + json.length;
    }
}
