package dev.muser.cli;

import dev.muser.device.pci.Device;
import dev.muser.device.pci.DeviceContext;
import dev.muser.device.pci.PciDevice;
import dev.muser.device.pci.Width;
import dev.muser.linux.Sandbox;
import dev.muser.server.DeviceServer;
import dev.muser.server.Loop;
import dev.muser.server.LoopPolicy;
import dev.muser.server.ServerOptions;
import java.io.IOException;
import java.net.InetAddress;
import java.net.Socket;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.OptionalInt;

/**
 * A device that was taken over: a write to its register has it try what a device does not do, and a
 * read tells what came of it. {@link #main} serves it as {@code muser serve} serves others.
 */
final class Intruder implements Device {
    /** Where the register is in BAR 0. */
    static final int REGISTER = 0;

    static final int READ_JAVA = 1;
    static final int READ = 2;
    static final int WRITE = 3;
    static final int MAKE = 4;
    static final int CONNECT = 5;
    static final int START = 6;

    static final int WORKED = 0;
    static final int EPERM = 1;
    static final int EACCES = 13;
    private static final int OTHERWISE = 99;

    private final Path file;
    private final int port;
    private int result;

    private Intruder(DeviceContext ctx, Path file, int port) {
        this.file = file;
        this.port = port;
        ctx.identity(0x1234, 0x5678);
        ctx.bar(0, 0x1000)
                .register("TRY", REGISTER, Width.U32)
                .computed(() -> result, what -> result = attempt((int) what));
    }

    /**
     * @param arguments the socket's path, a file outside, the port of a TCP server
     */
    public static void main(String[] arguments) {
        var socket = Path.of(arguments[0]);
        var file = Path.of(arguments[1]);
        int port = Integer.parseInt(arguments[2]);
        var confinement = new Confinement(Confinement.Mode.REQUIRE);
        var reach = new Reach(socket.getParent(), false, false, List.of(), false);
        int code =
                new Broker()
                        .serve(
                                () -> confinement.restrictFiles(reach),
                                () -> serve(socket, file, port, confinement));
        System.exit(code);
    }

    private static int serve(Path socket, Path file, int port, Confinement confinement) {
        try (var loop = Loop.start("intruder", LoopPolicy.BLOCKING, OptionalInt.empty());
                var server =
                        DeviceServer.listen(
                                loop,
                                events ->
                                        PciDevice.create(
                                                ctx -> new Intruder(ctx, file, port), events, null),
                                socket,
                                ServerOptions.DEFAULTS)) {
            confinement.restrictCalls(new Sandbox.Needs(false, false, false), false);
            System.out.println("ready");
            server.awaitEnd();
        }
        return 0;
    }

    private int attempt(int what) {
        try {
            switch (what) {
                case READ_JAVA ->
                        Files.readAllBytes(Path.of(System.getProperty("java.home"), "release"));
                case READ -> Files.readAllBytes(file);
                case WRITE -> Files.writeString(file, "overwritten");
                case MAKE -> Files.createFile(file.resolveSibling("made"));
                case CONNECT -> new Socket(InetAddress.getLoopbackAddress(), port).close();
                case START -> new ProcessBuilder("/bin/true").start();
                default -> throw new IOException("what?");
            }
            return WORKED;
        } catch (AccessDeniedException e) {
            return EACCES;
        } catch (IOException e) {
            return String.valueOf(e.getMessage()).contains("Operation not permitted")
                    ? EPERM
                    : OTHERWISE;
        }
    }
}
