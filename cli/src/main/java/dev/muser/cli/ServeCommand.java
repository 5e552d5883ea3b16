package dev.muser.cli;

import dev.muser.cli.control.ControlServer;
import dev.muser.cli.disk.AddedNamespaces;
import dev.muser.cli.disk.NvmeDisk;
import dev.muser.device.pci.DeviceFactory;
import dev.muser.device.pci.PciDevice;
import dev.muser.device.state.StateMismatchException;
import dev.muser.device.state.StateSegment;
import dev.muser.devices.DeviceModel;
import dev.muser.devices.Devices;
import dev.muser.devices.NvmeModel;
import dev.muser.devices.storage.StorageException;
import dev.muser.linux.Affinity;
import dev.muser.linux.Fd;
import dev.muser.linux.Sandbox;
import dev.muser.linux.SyscallException;
import dev.muser.server.DeviceServer;
import dev.muser.server.Loop;
import dev.muser.server.LoopPolicy;
import dev.muser.server.ResumeWarmUp;
import dev.muser.server.ServerOptions;
import dev.muser.server.WarmUp;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.OptionalInt;
import java.util.Set;
import java.util.concurrent.Callable;
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

    enum Journal {
        ON,
        OFF;

        @Override
        public String toString() {
            return name().toLowerCase(Locale.ROOT);
        }

        static final class Converter extends Choice<Journal> {
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
            description =
                    "Most data in one message: 4K to 64M, 1M unless given. With --keep no more"
                            + " than 64K.")
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
            names = "--keep",
            description =
                    "Have the device outlive its process: when that is killed, another goes on, and"
                            + " the client does not notice. Under systemd, with"
                            + " FileDescriptorStoreMax=, that is so without it.")
    private boolean keep;

    @Option(
            names = "--spare",
            description =
                    "With --keep: have a second process wait, so that the pause is a short one.")
    private boolean spare;

    @Option(
            names = "--journal",
            paramLabel = "on|off",
            converter = Journal.Converter.class,
            defaultValue = "on",
            description =
                    "With --keep: off for a device of which each access can be carried out twice,"
                            + " as one may be that is under way at a kill. On unless given.")
    private Journal journal = Journal.ON;

    @Option(
            names = "--user",
            paramLabel = "NAME|UID[:GID]",
            converter = UserAccount.Converter.class,
            description =
                    "Become this user, once images are open and before there are sockets. For"
                            + " servers that root starts.")
    private @Nullable UserAccount user;

    @Option(
            names = "--sandbox",
            paramLabel = "on|off|require",
            converter = Confinement.Mode.Converter.class,
            defaultValue = "on",
            description =
                    "Give up what serving does not take: see docs/security.md. On unless given:"
                            + " as far as the kernel can; 'require' to end where it cannot.")
    private Confinement.Mode sandbox = Confinement.Mode.ON;

    @Option(
            names = "--may-start-programs",
            hidden = true,
            description = "For a JVM that starts another at its end, to write its cache.")
    private boolean mayStartPrograms;

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
        try (var process = KeptProcess.fromEnvironment()) {
            requireKeeper(process);
            if (process.isStandby()) {
                warmUpToGoOn(toLookAt(DeviceNames.find(device)));
            }
            var confinement = new Confinement(sandbox);
            var broker = new Broker();
            return broker.serve(
                    () -> confinement.restrictFiles(reach(process)),
                    () -> serve(process, confinement, broker));
        }
    }

    private int serve(KeptProcess process, Confinement confinement, Broker broker) {
        var stop = open(process, confinement, broker);
        if (stop == null) { // another process goes on
            return ExitCode.OK;
        }
        try (stop) {
            stop.onSignals(process);
            boolean programs = process.isKept() || mayStartPrograms;
            var needs = needs(programs);
            confinement.restrictCalls(needs, programs || hasControl(process));
            process.serving(stop.loop(), device + " is served");
            if (!process.goesOn()) {
                sayReady(out());
            }
            if (untilInputEnds) {
                awaitEndOfInput();
            } else {
                stop.servers().forEach(DeviceServer::awaitEnd);
            }
        }
        return ExitCode.OK;
    }

    private void requireKeeper(KeptProcess process) {
        if (keep && !process.isKept()) {
            throw new UserError("--keep is done by the script that starts this: run ./muser");
        }
        if (spare && !keep) {
            throw new UserError("--spare is for a device that is kept: add --keep");
        }
        if (journal == Journal.OFF && !process.isKept()) {
            throw new UserError("--journal is for a device that is kept: add --keep");
        }
        if (process.isKept() && fd != null) {
            throw new UserError("a device on --fd cannot be kept: give --socket-path PATH");
        }
    }

    /** Checks the command line and begins to serve what nobody keeps. */
    OrderlyStop open() {
        return Objects.requireNonNull(
                open(KeptProcess.alone(), new Confinement(Confinement.Mode.OFF), new Broker()));
    }

    /** Returns null when this process waited for its turn, and is not needed. */
    private @Nullable OrderlyStop open(
            KeptProcess process, Confinement confinement, Broker broker) {
        var model = DeviceNames.find(device);
        var options = options();
        var loopPolicy = loopPolicy();
        var paths = paths();
        requireCpu();
        boolean disks = model.name().equals(NvmeModel.NAME);
        boolean control = hasControl(process);
        if (control) {
            paths.forEach(path -> SocketPaths.check(ControlServer.pathFor(path)));
        }
        var factory = disks ? null : factory(model);
        var stop = new OrderlyStop(Loop.start("muser-" + device, loopPolicy, pinned()));
        try {
            warmUp(stop.loop());
            var upgrade = new Upgrade(process, stop.loop(), broker);
            if (process.isKept() || process.isStandby()) {
                upgrade.onHangUp(); // also without a control socket: SIGHUP would end it
            }
            if (!process.awaitTurn(stop.loop(), (number, state) -> check(model, state))) {
                stop.close();
                return null;
            }
            var controls = control ? new ServedControls(upgrade, stop, confinement) : null;
            var devices =
                    new ServedDevices(
                            device, process, stop, options, paths, fd, journal == Journal.ON);
            if (factory == null) {
                startDisks(model, devices, controls, broker);
            } else {
                Confinement.become(user);
                var made = new PciDevice[count];
                devices.start(i -> (loop, home) -> made[i] = PciDevice.create(factory, loop, home));
                process.awaitPredecessor();
                for (int i = 0; controls != null && i < paths.size(); i++) {
                    controls.listen(paths.get(i), made[i]);
                }
            }
        } catch (StateMismatchException e) {
            stop.close();
            throw new UserError(
                    "cannot go on from what the process before this one has left: "
                            + e.getMessage(),
                    ExitCode.UNREADABLE);
        } catch (StorageException e) {
            stop.close();
            throw new UserError(String.valueOf(e.getMessage()));
        } catch (RuntimeException | Error e) {
            stop.close();
            throw e;
        }
        return stop;
    }

    /** Whether operators can come, by a control socket. */
    private boolean hasControl(KeptProcess process) {
        return (device.equals(NvmeModel.NAME) || process.isKept())
                && !spec().commandLine().getParseResult().hasMatchedOption(DiskOptions.NO_CONTROL);
    }

    private Reach reach(KeptProcess process) {
        var path = socketPath;
        return new Reach(
                path == null ? null : path.toAbsolutePath().getParent(),
                process.isKept() || process.isStandby(),
                needs(false).network(),
                device.equals(NvmeModel.NAME)
                        ? ServedDisks.ports(
                                Setting.map(settings), spec().commandLine().getParseResult())
                        : List.of(),
                mayStartPrograms);
    }

    /**
     * @param programs an upgrade starts the next process
     */
    private Sandbox.Needs needs(boolean programs) {
        return device.equals(NvmeModel.NAME)
                ? ServedDisks.needs(
                        Setting.map(settings), spec().commandLine().getParseResult(), programs)
                : new Sandbox.Needs(false, false, programs);
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

    private DeviceFactory factory(DeviceModel model) {
        var forDisks = DiskOptions.firstGiven(spec().commandLine().getParseResult());
        if (forDisks != null) {
            throw new UserError(
                    "%s is for nvme, and the device is %s".formatted(forDisks, model.name()));
        }
        try {
            return model.factory(Setting.map(settings));
        } catch (IllegalArgumentException e) {
            throw new UserError(String.valueOf(e.getMessage()));
        }
    }

    private void startDisks(
            DeviceModel model,
            ServedDevices devices,
            @Nullable ServedControls controls,
            Broker broker) {
        var paths = devices.paths();
        var before = devices.process().predecessor();
        if (before != null) {
            before.letEnd(); // images of files wait for it
        }
        var added = new ArrayList<AddedNamespaces>();
        for (int i = 0; i < Math.max(1, paths.size()); i++) {
            added.add(new AddedNamespaces(devices.process().store(i), broker));
        }
        var disks =
                ServedDisks.open(
                        model,
                        Setting.map(settings),
                        spec().commandLine().getParseResult(),
                        paths.isEmpty() ? List.of(Path.of("descriptor-" + fd)) : paths,
                        diskSpin(),
                        policy == Policy.POLLING,
                        added,
                        devices.process()::store,
                        broker);
        try {
            Confinement.become(user);
            devices.start(i -> disks.get(i)::make);
            devices.process().awaitPredecessor();
            if (controls != null) {
                controls.listen(disks, added, paths);
            }
        } catch (RuntimeException | Error e) {
            disks.forEach(NvmeDisk::close);
            throw e;
        }
    }

    /** Returns what makes such a device without what only one process can have. */
    private DeviceFactory toLookAt(DeviceModel model) {
        return model.name().equals(NvmeModel.NAME)
                ? ServedDisks.toLookAt(
                        model, Setting.map(settings), spec().commandLine().getParseResult())
                : factory(model);
    }

    /** On a loop of its own, outside of the sandbox: it makes sockets, in a folder of its own. */
    private static void warmUpToGoOn(DeviceFactory factory) {
        try (var loop = Loop.start("warm-up", LoopPolicy.BLOCKING, OptionalInt.empty())) {
            ResumeWarmUp.run(loop, factory);
        } catch (IOException | SyscallException e) {
            // It goes on all the same, only slower.
        }
    }

    /** Whether this build can go on from the state that another process has of such a device. */
    private void check(DeviceModel model, Fd state) {
        var segment = StateSegment.look(state.duplicate(), model.name());
        if (segment != null) {
            try (segment) {
                PciDevice.check(toLookAt(model), new IdleLoop(), segment);
            }
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
