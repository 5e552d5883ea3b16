package dev.muser.cli;

import dev.muser.device.EventLoop;
import dev.muser.device.VfioDevice;
import dev.muser.device.pci.PciDevice;
import dev.muser.linux.Affinity;
import dev.muser.linux.Errno;
import dev.muser.linux.Fd;
import dev.muser.linux.SyscallException;
import dev.muser.server.DeviceServer;
import dev.muser.server.Loop;
import dev.muser.server.LoopPolicy;
import dev.muser.server.ServerOptions;
import dev.muser.server.WarmUp;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.OptionalInt;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code muser serve}. */
@Command(
        name = "serve",
        description =
                "Serve a device behind a vfio-user socket, until stopped by SIGTERM or Ctrl-C.",
        sortOptions = false,
        footer = {
            "",
            "Ends with 0 when it is stopped, or when the one client of --fd has gone.",
            "A socket that no server listens on any more is replaced."
        })
final class ServeCommand extends BaseCommand implements Callable<Integer> {
    /** Bytes, generously: an idle edu has 20 KiB. */
    private static final long HEAP_OF_ONE = 32 << 10;

    enum Policy {
        BLOCKING,
        POLLING,
        ADAPTIVE;

        /** As it is typed. */
        @Override
        public String toString() {
            return name().toLowerCase(Locale.ROOT);
        }

        static final class Converter extends Choice<Policy> {
            Converter() {
                super(values());
            }
        }
    }

    @Parameters(
            paramLabel = "DEVICE",
            description = "Which device: 'muser devices' lists them.",
            completionCandidates = DeviceNames.class)
    private String device = "";

    @Option(
            names = {"-s", "--socket-path"},
            paramLabel = "PATH",
            description = "Listen here for one client after the other. Only this user may connect.")
    private @Nullable Path socketPath;

    @Option(
            names = "--fd",
            paramLabel = "N",
            description = "Use the inherited descriptor N: a socket that listens or is connected.")
    private @Nullable Integer fd;

    @Option(
            names = "--set",
            paramLabel = "NAME=VALUE",
            converter = Setting.Converter.class,
            description = "Set an option of the device: 'muser devices' lists them.")
    private List<Setting> settings = List.of();

    @Option(
            names = "--count",
            paramLabel = "N",
            defaultValue = "1",
            description = "Serve N devices, on the paths PATH.0 to PATH.N-1, in this one process.")
    private int count;

    @Option(
            names = "--allow-uid",
            paramLabel = "UID",
            converter = UserIdConverter.class,
            description =
                    "Take clients of this user only. May be repeated. The socket has mode 0600 all"
                            + " the same: for a user other than yourself, chown or chmod it too.")
    private Set<Integer> users = Set.of();

    @Option(
            names = "--policy",
            paramLabel = "POLICY",
            converter = Policy.Converter.class,
            defaultValue = "blocking",
            description =
                    "What to do without work: blocking, polling or adaptive. Blocking costs no CPU,"
                            + " polling one whole CPU, adaptive looks on for a while, then blocks.")
    private Policy policy = Policy.BLOCKING;

    @Option(
            names = "--spin",
            paramLabel = "TIME",
            converter = DurationConverter.class,
            description = "How long the adaptive policy looks on: 50us unless given.")
    private @Nullable Duration spin;

    @Option(names = "--cpu", paramLabel = "N", description = "Run the device on this CPU only.")
    private @Nullable Integer cpu;

    @Option(
            names = "--max-transfer",
            paramLabel = "BYTES",
            converter = SizeConverter.class,
            defaultValue = "1M",
            description = "Most data in one message: 4K to 64M, 1M unless given.")
    private int maxTransfer;

    @Option(
            names = "--warm-up",
            paramLabel = "TIME",
            converter = DurationConverter.class,
            description =
                    "How long to exercise the server before it listens, so that the first client"
                            + " meets compiled code: 20ms unless given, 0s for not at all.")
    private @Nullable Duration warmUp;

    @Option(
            names = "--until-stdin-closes",
            hidden = true,
            description = "End when standard input does: for whoever starts this as a child.")
    private boolean untilInputEnds;

    @Option(
            names = {"-q", "--quiet"},
            description = "Say 'ready' and nothing else.")
    private boolean quiet;

    @Override
    public Integer call() {
        try (var stop = open()) {
            stop.onSignals();
            sayReady(out());
            if (untilInputEnds) {
                awaitEndOfInput();
            } else {
                stop.servers().forEach(DeviceServer::awaitEnd);
            }
        }
        return ExitCode.OK;
    }

    /** Checks the command line and begins to serve. */
    OrderlyStop open() {
        var maker = maker();
        var options = options();
        var loopPolicy = loopPolicy();
        var paths = paths();
        requireCpu();
        var stop = new OrderlyStop(Loop.start("muser-" + device, loopPolicy, pinned()));
        try {
            start(stop, maker, options, paths);
        } catch (RuntimeException | Error e) {
            stop.close();
            throw e;
        }
        return stop;
    }

    private List<Path> paths() {
        if (fd == null == (socketPath == null)) {
            throw new UserError("give either --socket-path PATH or --fd N");
        }
        if (count < 1) {
            throw new UserError("--count " + count + ": must be at least 1");
        }
        if (fd != null && count != 1) {
            throw new UserError("--count needs --socket-path: one descriptor serves one device");
        }
        long most = Runtime.getRuntime().maxMemory() / HEAP_OF_ONE;
        if (count > most) {
            throw new UserError(
                    "--count %d: the heap has room for %d devices; MUSER_JVM_OPTIONS=-Xmx%dm is enough"
                            .formatted(count, most, count * HEAP_OF_ONE / (1 << 20) + 1));
        }
        return socketPath == null ? List.of() : SocketPaths.of(socketPath, count);
    }

    private Function<EventLoop, VfioDevice> maker() {
        var model = DeviceNames.find(device);
        try {
            var factory = model.factory(Setting.map(settings));
            return loop -> PciDevice.create(factory, loop);
        } catch (IllegalArgumentException e) {
            throw new UserError(String.valueOf(e.getMessage()));
        }
    }

    private ServerOptions options() {
        try {
            return ServerOptions.DEFAULTS.withAllowedUsers(users).withMaxTransfer(maxTransfer);
        } catch (IllegalArgumentException e) {
            throw new UserError("--max-transfer " + maxTransfer + ": must be 4K to 64M");
        }
    }

    private LoopPolicy loopPolicy() {
        if (spin != null && policy != Policy.ADAPTIVE) {
            throw new UserError("--spin is for --policy adaptive, and the policy is " + policy);
        }
        return switch (policy) {
            case BLOCKING -> LoopPolicy.BLOCKING;
            case POLLING -> LoopPolicy.POLLING;
            case ADAPTIVE -> spin == null ? LoopPolicy.ADAPTIVE : LoopPolicy.adaptive(spin);
        };
    }

    private void requireCpu() {
        if (cpu != null) {
            var usable = Affinity.get();
            if (cpu < 0 || !usable.get(cpu)) {
                throw new UserError("--cpu %d: this process may run on %s".formatted(cpu, usable));
            }
        }
    }

    private OptionalInt pinned() {
        return cpu == null ? OptionalInt.empty() : OptionalInt.of(cpu);
    }

    private void start(
            OrderlyStop stop,
            Function<EventLoop, VfioDevice> maker,
            ServerOptions options,
            List<Path> paths) {
        warmUp(stop.loop());
        if (fd != null) {
            try {
                stop.add(DeviceServer.adopt(stop.loop(), maker, Fd.adopt(fd), options));
            } catch (SyscallException e) {
                var complaint =
                        switch (e.errno()) {
                            case Errno.EBADF -> ": no such descriptor is open";
                            case Errno.ENOTCONN -> " neither listens nor is connected";
                            case Errno.EACCES -> ": --allow-uid does not name its user";
                            default -> " is not a UNIX stream socket";
                        };
                throw new UserError("--fd " + fd + complaint);
            }
        }
        for (var path : paths) {
            try {
                stop.add(DeviceServer.listen(stop.loop(), maker, path, options));
            } catch (SyscallException e) {
                throw SocketPaths.cannotListen(path, e);
            }
        }
    }

    private void warmUp(Loop loop) {
        var time = warmUp;
        if (time == null) {
            if (!EarlyStart.await()) {
                WarmUp.run(loop, EarlyStart.TIME);
            }
        } else if (!time.isZero()) {
            WarmUp.run(loop, time);
        }
    }

    /** Says where clients find the devices. */
    void sayReady(PrintWriter out) {
        var paths = paths();
        if (quiet) {
            out.println("ready");
        } else if (paths.isEmpty()) {
            out.printf("ready: %s on descriptor %d%n", device, fd);
        } else {
            var first = paths.getFirst();
            if (paths.size() == 1) {
                out.printf("ready: %s at %s%n", device, first);
            } else {
                out.printf(
                        "ready: %d of %s at %s to %s%n",
                        paths.size(), device, first, paths.getLast());
            }
            out.printf("QEMU 11.1 or later gets %s by%n", paths.size() == 1 ? "it" : "the first");
            out.println("  " + AttachHint.option(first));
            out.println("and its memory must be shared:");
            out.println("  " + AttachHint.memory());
        }
        out.flush();
    }

    private static void awaitEndOfInput() {
        try {
            while (System.in.read() >= 0) {}
        } catch (IOException e) {
            // as good as its end
        }
    }
}
