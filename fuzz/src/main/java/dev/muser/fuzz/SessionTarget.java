package dev.muser.fuzz;

import dev.muser.device.pci.DeviceFactory;
import dev.muser.device.pci.PciDevice;
import dev.muser.devices.conformance.Conformance;
import dev.muser.devices.timer.TimerDevice;
import dev.muser.linux.EventFd;
import dev.muser.linux.Fd;
import dev.muser.linux.MemoryFile;
import dev.muser.linux.Pipe;
import dev.muser.server.DeviceServer;
import dev.muser.server.Keeping;
import dev.muser.server.Loop;
import dev.muser.server.LoopPolicy;
import dev.muser.server.ServerOptions;
import dev.muser.service.LocalStore;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalInt;

/**
 * A session with a server, over a real socket: messages with plausible headers, or not; with
 * descriptors of all kinds. Afterwards the server serves the next client, and has nothing left of
 * this one.
 */
final class SessionTarget implements Target {
    private static final int MESSAGES = 200;
    private static final int LONGEST = 4096;
    private static final int PATIENCE = 2_000;

    /** Of the first byte: a device that outlives its process; no VERSION first. */
    static final int KEPT = 0x40;

    private static final int SILENT = 0x80;

    private static final int VERSION = 1;
    private static final int GET_INFO = 4;

    /** A message's options. */
    static final int NO_REPLY = 0x01;

    static final int FLAGS = 0x02;
    static final int SPLIT = 0x04;
    static final int LIE = 0x08;
    static final int DESCRIPTORS = 0x70;
    static final int KINDS = 0x80;

    private static final String CAPABILITIES =
            "{\"capabilities\":{\"max_msg_fds\":8,\"write_multiple\":true}}";

    private final Loop loop = Loop.start("fuzz", LoopPolicy.BLOCKING, OptionalInt.empty());
    private final Path folder = folder();
    private final List<DeviceServer> servers = new ArrayList<>();
    private final List<LocalStore> stores = new ArrayList<>();
    private final List<Path> paths = new ArrayList<>();
    private final List<Path> kept = new ArrayList<>();
    private final List<Fd> kinds = new ArrayList<>();
    private final Resources resources;

    /** Whether the server takes a message's first byte for that. */
    private boolean inStep;

    SessionTarget() {
        serve("conformance", Conformance::new);
        serve("timer", TimerDevice::new);
        kinds.add(EventFd.create());
        var memory = MemoryFile.create("muser-fuzz", 1 << 20);
        MemoryFile.seal(memory, MemoryFile.SEAL_SHRINK);
        kinds.add(memory);
        kinds.add(MemoryFile.create("muser-fuzz", 1 << 16)); // it may be cut
        var pipe = Pipe.create();
        kinds.add(pipe.source());
        kinds.add(pipe.sink());
        paths.forEach(this::requireServed);
        kept.forEach(this::requireServed);
        for (int i = 0; i < 100; i++) {
            loop.call(() -> true); // until those have ended
        }
        resources = new Resources();
    }

    private static Path folder() {
        try {
            return Files.createTempDirectory("mfz");
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private void serve(String name, DeviceFactory factory) {
        var path = folder.resolve(name);
        servers.add(
                DeviceServer.listen(
                        loop,
                        events -> PciDevice.create(factory, events),
                        path,
                        ServerOptions.DEFAULTS));
        paths.add(path);
        keep(name, factory);
    }

    private void keep(String name, DeviceFactory factory) {
        var path = folder.resolve("kept-" + name);
        var store = new LocalStore();
        stores.add(store);
        servers.add(
                DeviceServer.keep(
                        loop,
                        (events, home) -> PciDevice.create(factory, events, home),
                        path,
                        ServerOptions.DEFAULTS,
                        new Keeping(name, store)));
        kept.add(path);
    }

    @Override
    public void run(Input input) {
        int how = input.u8();
        var path = ((how & KEPT) == 0 ? paths : kept).get(how % paths.size());
        inStep = true;
        try (var peer = new Peer(path, input)) {
            if ((how & SILENT) == 0) {
                negotiate(peer);
            }
            for (int i = 0; i < MESSAGES && !input.isEmpty() && !peer.isClosed(); i++) {
                message(peer, input);
            }
        }
        awaitEnd();
        requireServed(path);
        awaitEnd();
        resources.check();
    }

    private static int negotiate(Peer peer) {
        var payload = new Seed().u16(0).u16(2).text(CAPABILITIES).u8(0).get();
        var message = new Seed().u16(1).u16(VERSION).u32(16L + payload.length).u32(0).u32(0);
        peer.send(message.raw(payload).get(), 0, List.of());
        return peer.awaitReply();
    }

    private void message(Peer peer, Input input) {
        int command = input.u8() % 24;
        int options = input.u8();
        int length = input.u8();
        byte[] payload = input.take(length == 0xff ? input.u16() % LONGEST : length);
        int flags = (options & NO_REPLY) != 0 ? 0x10 : 0;
        long size = 16L + payload.length;
        int cut = 0;
        if ((options & FLAGS) != 0) {
            flags = input.u8();
        }
        if ((options & SPLIT) != 0) {
            cut = input.u8();
        }
        if ((options & LIE) != 0) {
            size += (byte) input.u8() * (input.u8() + 1L);
        }
        var bytes =
                new Seed().u16(input.u8()).u16(command).u32(size).u32(flags).u32(0).raw(payload);
        peer.drain();
        boolean sent = peer.send(bytes.get(), cut, descriptors(options, input));
        inStep &= size == 16L + payload.length;
        if (sent && inStep && (flags & 0x1f) == 0) {
            peer.awaitReply();
        }
    }

    private List<Fd> descriptors(int options, Input input) {
        var descriptors = new ArrayList<Fd>();
        int kind = (options & KINDS) != 0 ? input.u8() : 0;
        for (int i = 0; i < (options & DESCRIPTORS) >> 4; i++) {
            descriptors.add(kinds.get((kind + i * (kind >> 4)) % kinds.size()));
        }
        return descriptors;
    }

    /** The session has ended once the loop has seen it, and holds nothing of it any more. */
    private void awaitEnd() {
        for (int i = 0; i < PATIENCE && !resources.isAsBefore(); i++) {
            loop.call(() -> true);
        }
    }

    private void requireServed(Path path) {
        try (var peer = new Peer(path, new Input(new byte[0]))) {
            Finding.unless(negotiate(peer) == 0, "the next client cannot negotiate");
            var info = new Seed().u16(2).u16(GET_INFO).u32(32).u32(0).u32(0).u32(16).u32(0);
            peer.send(info.u32(0).u32(0).get(), 0, List.of());
            Finding.unless(peer.awaitReply() == 0, "the next client is told nothing");
        }
    }

    @Override
    public void close() {
        servers.forEach(DeviceServer::close);
        stores.forEach(LocalStore::close);
        loop.close();
        kinds.forEach(Fd::close);
        try {
            Files.deleteIfExists(folder);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
