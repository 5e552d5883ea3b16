package dev.muser.cli;

import dev.muser.devices.Devices;
import dev.muser.devices.NvmeModel;
import dev.muser.linux.Affinity;
import dev.muser.server.LoopPolicy;
import dev.muser.server.ServerOptions;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.OptionalInt;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** What a command line of {@code muser serve} asks for, and whether that can be. */
abstract class ServeOptions extends BaseCommand {
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
    String device = "";

    @Option(
            names = {"-s", "--socket-path"},
            paramLabel = "PATH",
            description = "Listen here for one client after the other. Only this user may connect.")
    @Nullable Path socketPath;

    @Option(
            names = "--fd",
            paramLabel = "N",
            description = "Use the inherited descriptor N: a socket that listens or is connected.")
    @Nullable Integer fd;

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
    @Nullable Duration warmUp;

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
    @Nullable UserAccount user;

    @Option(
            names = "--sandbox",
            paramLabel = "on|off|require",
            converter = Confinement.Mode.Converter.class,
            defaultValue = "on",
            description =
                    "Give up what serving does not take: see docs/security.md. On unless given:"
                            + " as far as the kernel can; 'require' to end where it cannot.")
    Confinement.Mode sandbox = Confinement.Mode.ON;

    @Option(
            names = "--may-start-programs",
            hidden = true,
            description = "For a JVM that starts another at its end, to write its cache.")
    boolean mayStartPrograms;

    @Option(
            names = "--until-stdin-closes",
            hidden = true,
            description = "End when standard input does: for whoever starts this as a child.")
    boolean untilInputEnds;

    @Option(
            names = {"-q", "--quiet"},
            description = "Say 'ready' and nothing else.")
    boolean quiet;

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

    final boolean isDisk() {
        return device.equals(NvmeModel.NAME);
    }

    /** Returns what is set of the device, by name. */
    final Map<String, String> settings() {
        return Setting.map(settings);
    }

    final boolean isJournalled() {
        return journal == Journal.ON;
    }

    final boolean neverSleeps() {
        return policy == Policy.POLLING;
    }

    /** Complains when it takes a keeper that is not there. */
    final void requireKeeper(KeptProcess process) {
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

    /** Whether operators can come, by a control socket. */
    final boolean hasControl(KeptProcess process) {
        return (isDisk() || process.isKept())
                && !spec().commandLine().getParseResult().hasMatchedOption(DiskOptions.NO_CONTROL);
    }

    /** Returns where the sockets are; nothing when there is a descriptor. */
    final List<Path> paths() {
        if (fd == null == (socketPath == null)) {
            throw new UserError("give either --socket-path PATH or --fd N");
        }
        if (count < 1) {
            throw new UserError("--count " + count + ": must be at least 1");
        }
        if (fd != null && count != 1) {
            throw new UserError("--count needs --socket-path: one descriptor serves one device");
        }
        long each = isDisk() ? HEAP_OF_DISK : HEAP_OF_ONE;
        long most = Runtime.getRuntime().maxMemory() / each;
        if (count > most) {
            throw new UserError(
                    "--count %d: the heap has room for %d devices; MUSER_JVM_OPTIONS=-Xmx%dm is enough"
                            .formatted(count, most, count * each / (1 << 20) + 1));
        }
        return socketPath == null ? List.of() : SocketPaths.of(socketPath, count);
    }

    final ServerOptions serverOptions() {
        try {
            return ServerOptions.DEFAULTS.withAllowedUsers(users).withMaxTransfer(maxTransfer);
        } catch (IllegalArgumentException e) {
            throw new UserError("--max-transfer " + maxTransfer + ": must be 4K to 64M");
        }
    }

    final LoopPolicy loopPolicy() {
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
    final Duration diskSpin() {
        return policy == Policy.BLOCKING ? SHORT_SPIN : spin == null ? LONG_SPIN : spin;
    }

    final void requireCpu() {
        if (cpu != null) {
            var usable = Affinity.get();
            if (cpu < 0 || !usable.get(cpu)) {
                throw new UserError("--cpu %d: this process may run on %s".formatted(cpu, usable));
            }
        }
    }

    final OptionalInt pinned() {
        return cpu == null ? OptionalInt.empty() : OptionalInt.of(cpu);
    }
}
