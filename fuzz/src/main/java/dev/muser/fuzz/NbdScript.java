package dev.muser.fuzz;

import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.nio.channels.Channels;
import java.nio.channels.SocketChannel;

/** What an NBD server says on one connection: as the protocol has it, nearly so, or not at all. */
final class NbdScript {
    private static final long PASSWORD = 0x4e42444d41474943L;
    private static final long OPTION = 0x49484156454f5054L;
    private static final long OPTION_REPLY = 0x0003_e889_0455_65a9L;
    private static final int SIMPLE = 0x67446698;
    private static final int CHUNK = 0x668e33ef;
    private static final int DISCONNECT = 2;
    private static final int LONGEST = 64 << 10;

    private final Input input;

    NbdScript(Input input) {
        this.input = input;
    }

    /** Ends when the bytes are used up, or the client leaves. */
    void run(SocketChannel channel) throws IOException {
        var in = new DataInputStream(Channels.newInputStream(channel));
        var out = new DataOutputStream(Channels.newOutputStream(channel));
        int how = input.u8();
        if ((how & 1) != 0) {
            out.write(input.take(LONGEST));
            return;
        }
        greet(in, out, how);
        while (!input.isEmpty()) {
            var request = new byte[28];
            in.readFully(request);
            int type = request[7] & 0xff;
            if (type == DISCONNECT) {
                return;
            }
            int length = number(request, 24, 4) > LONGEST ? 0 : (int) number(request, 24, 4);
            if (type == 1) {
                in.skipNBytes(number(request, 24, 4));
            }
            long cookie = number(request, 8, 8);
            long offset = number(request, 16, 8);
            int more;
            do {
                more = input.u8();
                reply(out, more & 0x7f, cookie, offset, length);
            } while ((more & 0x80) != 0 && !input.isEmpty());
        }
    }

    private static long number(byte[] bytes, int at, int count) {
        long value = 0;
        for (int i = 0; i < count; i++) {
            value = value << 8 | (bytes[at + i] & 0xff);
        }
        return value;
    }

    private void greet(DataInputStream in, DataOutputStream out, int how) throws IOException {
        out.writeLong(PASSWORD);
        out.writeLong(OPTION);
        out.writeShort((how & 2) != 0 ? input.u16() : 3);
        int known = in.readInt();
        while (true) {
            in.readLong();
            int option = in.readInt();
            in.skipNBytes(in.readInt());
            if (option == 1) {
                out.writeLong((how & 4) != 0 ? input.value() : 1 << 20);
                out.writeShort((how & 8) != 0 ? input.u16() : 0x6d);
                out.write(new byte[(how & 0x10) != 0 ? input.u8() : (known & 2) != 0 ? 0 : 124]);
                return;
            } else if (option == 7) {
                if ((how & 0x20) != 0) {
                    optionReply(out, 7, 0x8000_0001, new byte[0]);
                    how &= ~0x20;
                    continue;
                }
                described(out, how);
                optionReply(out, 7, 1, new byte[0]);
                return;
            }
            int type = (how & 0x40) != 0 ? input.u32() : option == 8 ? 1 : 0x8000_0001;
            optionReply(
                    out, option, type, (how & 0x80) != 0 ? input.take(input.u8()) : new byte[0]);
        }
    }

    private void described(DataOutputStream out, int how) throws IOException {
        out.writeLong(OPTION_REPLY);
        out.writeInt(7);
        out.writeInt(3);
        out.writeInt(12);
        out.writeShort(0);
        out.writeLong((how & 4) != 0 ? input.value() : 1 << 20);
        out.writeShort((how & 8) != 0 ? input.u16() : 0x6d);
        if ((how & 0x10) != 0) {
            out.writeLong(OPTION_REPLY);
            out.writeInt(7);
            out.writeInt(3);
            out.writeInt(14);
            out.writeShort(3);
            out.writeInt((int) input.value());
            out.writeInt((int) input.value());
            out.writeInt((int) input.value());
        }
    }

    private static void optionReply(DataOutputStream out, int option, int type, byte[] data)
            throws IOException {
        out.writeLong(OPTION_REPLY);
        out.writeInt(option);
        out.writeInt(type);
        out.writeInt(data.length);
        out.write(data);
    }

    private void reply(DataOutputStream out, int how, long cookie, long offset, int length)
            throws IOException {
        switch (how & 7) {
            case 0 -> simple(out, cookie, 0, 0);
            case 1 -> simple(out, cookie ^ input.u8(), input.u8(), input.u8());
            case 2 -> data(out, cookie, 1, offset, length);
            case 3 ->
                    data(
                            out,
                            cookie,
                            how >> 3 & 1,
                            offset + (byte) input.u8() * 512L,
                            input.u8() * 512);
            case 4 -> {
                chunk(out, cookie, how >> 3 & 1, 2, 12);
                out.writeLong(offset + input.value());
                out.writeInt((int) input.value());
            }
            case 5 -> {
                byte[] payload = input.take(input.u8());
                chunk(out, cookie, how >> 3 & 1, 0x8001 + (how >> 4 & 1), payload.length);
                out.write(payload);
            }
            case 6 -> chunk(out, cookie, how >> 3 & 1, how >> 4, 0);
            default -> out.write(input.take(input.u8()));
        }
    }

    private static void simple(DataOutputStream out, long cookie, int error, int count)
            throws IOException {
        out.writeInt(SIMPLE);
        out.writeInt(error);
        out.writeLong(cookie);
        out.write(new byte[count]);
    }

    private static void data(DataOutputStream out, long cookie, int flags, long offset, int length)
            throws IOException {
        chunk(out, cookie, flags, 1, 8 + length);
        out.writeLong(offset);
        out.write(new byte[length]);
    }

    private static void chunk(DataOutputStream out, long cookie, int flags, int type, int length)
            throws IOException {
        out.writeInt(CHUNK);
        out.writeShort(flags);
        out.writeShort(type);
        out.writeLong(cookie);
        out.writeInt(length);
    }
}
