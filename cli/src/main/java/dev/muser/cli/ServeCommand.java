package dev.muser.cli;

import dev.muser.cli.control.ControlServer;
import dev.muser.cli.disk.NvmeDisk;
import dev.muser.device.EventLoop;
import dev.muser.device.VfioDevice;
import dev.muser.device.pci.PciDevice;
import dev.muser.devices.DeviceModel;
import dev.muser.devices.Devices;
import dev.muser.devices.NvmeModel;
import dev.muser.devices.storage.StorageException;
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
import java.util.function.IntFunction;
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

    /** The same of a disk, which is idle, or one of many. */
    private static final long HEAP_OF_DISK = 256 << 10;

    /** A driver that goes on at once finds the disk awake, and an idle disk costs nothing. */
    private static final Duration SHORT_SPIN = Duration.ofNanos(20_000);

    private static final Duration LONG_SPIN = Duration.ofNanos(100_000);

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
            description =
                    "How long the adaptive policy looks on: 50us unless given, for nvme 100us.")
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

    /** Whether a command line may need the options of disks: it names no other device. */
    static boolean mayBeOfDisks(String[] arguments) {
        boolean another = false;
        for (var argument : arguments) {
            if (argument.equals(NvmeModel.NAME)
                    || argument.equals("--help")
                    || argument.equals("-h")) {
                return true;
            }
            another |= Devices.find(argument).isPresent();
        }
        return !another;
    }

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
        var model = DeviceNames.find(device);
        var options = options();
        var loopPolicy = loopPolicy();
        var paths = paths();
        requireCpu();
        return model.name().equals(NvmeModel.NAME)
                ? openDisks(model, loopPolicy, options, paths)
                : open(maker(model), loopPolicy, options, paths);
    }

    private OrderlyStop openDisks(
            DeviceModel model, LoopPolicy loopPolicy, ServerOptions options, List<Path> paths) {
        boolean control =
                !spec().commandLine().getParseResult().hasMatchedOption(DiskOptions.NO_CONTROL);
        if (control) {
            paths.forEach(path -> SocketPaths.check(ControlServer.pathFor(path)));
        }
        var disks =
                ServedDisks.open(
                        model,
                        Setting.map(settings),
                        spec().commandLine().getParseResult(),
                        paths.isEmpty() ? List.of(Path.of("descriptor-" + fd)) : paths,
                        diskSpin(),
                        policy == Policy.POLLING);
        try {
            var stop = open(i -> disks.get(i)::make, loopPolicy, options, paths);
            if (control) {
                ServedDisks.listen(disks, paths, stop);
            }
            return stop;
        } catch (RuntimeException | Error e) {
            disks.forEach(NvmeDisk::close);
            throw e;
        }
    }

    private OrderlyStop open(
            IntFunction<Function<EventLoop, VfioDevice>> makers,
            LoopPolicy loopPolicy,
            ServerOptions options,
            List<Path> paths) {
        var stop = new OrderlyStop(Loop.start("muser-" + device, loopPolicy, pinned()));
        try {
            start(stop, makers, options, paths);
        } catch (StorageException e) {
            stop.close();
            throw new UserError(String.valueOf(e.getMessage()));
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
        long each = device.equals(NvmeModel.NAME) ? HEAP_OF_DISK : HEAP_OF_ONE;
        long most = Runtime.getRuntime().maxMemory() / each;
        if (count > most) {
            throw new UserError(
                    "--count %d: the heap has room for %d devices; MUSER_JVM_OPTIONS=-Xmx%dm is enough"
                            .formatted(count, most, count * each / (1 << 20) + 1));
        }
        return socketPath == null ? List.of() : SocketPaths.of(socketPath, count);
    }

    private IntFunction<Function<EventLoop, VfioDevice>> maker(DeviceModel model) {
        var forDisks = DiskOptions.firstGiven(spec().commandLine().getParseResult());
        if (forDisks != null) {
            throw new UserError(
                    "%s is for nvme, and the device is %s".formatted(forDisks, model.name()));
        }
        try {
            var factory = model.factory(Setting.map(settings));
            return i -> loop -> PciDevice.create(factory, loop);
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

    /** How long a disk looks for work: its doorbells are in memory, and no descriptor tells. */
    private Duration diskSpin() {
        return policy == Policy.BLOCKING ? SHORT_SPIN : spin == null ? LONG_SPIN : spin;
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
            IntFunction<Function<EventLoop, VfioDevice>> makers,
            ServerOptions options,
            List<Path> paths) {
        warmUp(stop.loop());
        if (fd != null) {
            try {
                stop.add(DeviceServer.adopt(stop.loop(), makers.apply(0), Fd.adopt(fd), options));
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
        for (int i = 0; i < paths.size(); i++) {
            var path = paths.get(i);
            try {
                stop.add(DeviceServer.listen(stop.loop(), makers.apply(i), path, options));
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
        if (quiet) {
            out.println("ready");
        } else if (fd != null) {
            out.printf("ready: %s on descriptor %d%n", device, fd);
        } else {
            AttachHint.print(out, device, paths());
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
