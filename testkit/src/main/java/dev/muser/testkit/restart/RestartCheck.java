package dev.muser.testkit.restart;

import dev.muser.device.ClientKind;
import dev.muser.device.pci.DeviceFactory;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Checks that a device survives the death of its process. The same random requests go to two
 * devices. The process of one of them dies again and again: between requests, in the middle of one,
 * in the middle of a task, and while it is still going on from the death before. Whatever differs
 * afterwards is something that the device keeps outside of its {@linkplain
 * dev.muser.device.pci.DeviceState state}, or does not begin again in {@link
 * dev.muser.device.pci.Device#restored}, and is reported by name.
 *
 * {@snippet :
 * @Test
 * void shouldSurviveTheDeathOfItsProcess() {
 *     RestartCheck.of(Thermometer::new).run();
 * }
 * }
 *
 * <p>A death is what it would be with a real process, up to where the processor is not asked: the
 * instance is dropped without any call, its changes of the state that were not committed are
 * undone, and another one is made on the same state and descriptors. It comes before any change of
 * the state, before any commit, or between requests.
 *
 * <p>Both devices run on the thread of the caller and on loops that turn between requests. What
 * other threads finish is not waited for: give the device what finishes on its loop. Time comes
 * from the check ({@link Request.Expire}) where the device has timers; what it takes from a clock
 * has to be {@linkplain #ignoring ignored}.
 *
 * <p>For one thread.
 */
public final class RestartCheck {
    private static final int HISTORY = 12;
    private static final String CAUSE =
            "What differs depends on something that is kept outside of the device's state: keep it"
                    + " in registers, ctx.state() or memory of a BAR, and let restored() begin"
                    + " again what was under way.";

    private final Supplier<DeviceFactory> factories;
    private Supplier<RequestGenerator> generators = VfioRequests::new;
    private ClientKind kind = ClientKind.UNKNOWN;
    private Set<String> ignored = Set.of();
    private long memoryAt = 0x10_0000;
    private long memorySize = 0x1_0000;
    private int requests = 1000;
    private long seed = 1;
    private boolean interrupts = true;
    private boolean migrating;

    private RestartCheck(Supplier<DeviceFactory> factories) {
        this.factories = factories;
    }

    /** Checks the devices that {@code factory} makes: one for each process. */
    public static RestartCheck of(DeviceFactory factory) {
        return new RestartCheck(() -> factory);
    }

    /**
     * Checks devices that have something outside of their process, such as a disk's bytes.
     *
     * @param factories is called twice in a run, for a factory for each of the two devices; all
     *     processes of a device come from the same one, and find there what outlives them
     */
    public static RestartCheck ofEach(Supplier<DeviceFactory> factories) {
        return new RestartCheck(factories);
    }

    /**
     * Sets where requests come from; a {@link VfioRequests} otherwise. One is asked for per run.
     */
    public RestartCheck generator(Supplier<RequestGenerator> newGenerators) {
        generators = newGenerators;
        return this;
    }

    /** Sets how many requests there are in a run; 1000 otherwise. */
    public RestartCheck requests(int count) {
        requests = count;
        return this;
    }

    /** Sets what the requests and the deaths come from; 1 otherwise. A report names it. */
    public RestartCheck seed(long newSeed) {
        seed = newSeed;
        return this;
    }

    /**
     * Sets the client's memory; 64 KiB at 0x100000 otherwise.
     *
     * @param at its address for the device
     * @param size in bytes, a multiple of 4096, at most 1 GiB
     */
    public RestartCheck memory(long at, long size) {
        if (size <= 0 || size > 1 << 30 || size % 4096 != 0) {
            throw new IllegalArgumentException(
                    "client memory of 0x%x bytes: must be whole pages of 4096, up to 1 GiB"
                            .formatted(size));
        }
        memoryAt = at;
        memorySize = size;
        return this;
    }

    /** Sets what kind of client the device has; an unknown one otherwise. */
    public RestartCheck client(ClientKind newKind) {
        kind = newKind;
        return this;
    }

    /**
     * Leaves out of the comparison what cannot agree, such as what comes from a clock.
     *
     * @param names of fields of the state, and of registers as {@code bar0.NAME}
     */
    public RestartCheck ignoring(String... names) {
        ignored = Set.of(names);
        return this;
    }

    /**
     * Leaves out interrupts, and what is raised and pending of them: for a device that tells its
     * driver once of several things, and of how many depends on when. The rest is compared.
     */
    public RestartCheck ignoringInterrupts() {
        interrupts = false;
        return this;
    }

    /**
     * Has the device migrate instead of die: it moves to another process, between requests, by the
     * stream that is made of its state and memory. A device whose author writes the stream is not
     * for this, as that may leave anything out.
     */
    public RestartCheck migrating() {
        migrating = true;
        return this;
    }

    /**
     * Runs it.
     *
     * @return what the devices have been through
     * @throws AssertionError when the devices differ; the message says where, after which requests,
     *     and the seed
     */
    public RestartSummary run() {
        try (var reference = twin();
                var restarted = twin()) {
            return new Run(reference, restarted).run();
        }
    }

    private Twin twin() {
        var client = new TwinClient(memoryAt, memorySize, kind, new Random(seed));
        return new Twin(factories.get(), client, memoryAt);
    }

    /** One run, with the two devices. */
    private final class Run {
        private final Twin reference;
        private final Twin restarted;
        private final Comparison comparison;
        private final RequestGenerator generator = generators.get();
        private final Deque<String> history = new ArrayDeque<>();

        /** Apart from that of the requests, which do not depend on the deaths. */
        private final Random fate = new Random(~seed);

        private int handled;
        private int restarts;
        private int deaths;
        private int deathsAtWork;
        private int deathsAtStart;
        private boolean repeated;

        Run(Twin reference, Twin restarted) {
            this.reference = reference;
            this.restarted = restarted;
            var apart = new HashSet<>(ignored);
            if (migrating) {
                // of the migrations themselves
                apart.addAll(List.of("pci.migration.position", "pci.migration.moved"));
            }
            comparison = new Comparison(reference, restarted, apart, interrupts);
        }

        RestartSummary run() {
            var random = new Random(seed);
            reference.start();
            int steps = reference.fuse().takeSteps();
            begin(!migrating && fate.nextInt(3) == 0 ? 1 + fate.nextInt(steps) : 0);
            both(new Request.Reconnect());
            for (int i = 0; i < requests; i++) {
                var request = generator.next(random, reference);
                if (request.settlesFirst()) {
                    settle();
                }
                handled++;
                if (!(request instanceof Request.Settle)) {
                    both(request);
                }
                if (request.settlesAfterwards()) {
                    settle();
                }
            }
            settle();
            return new RestartSummary(
                    handled,
                    restarts,
                    deaths,
                    deathsAtWork,
                    deathsAtStart,
                    comparison.interrupts(),
                    reference.client().port().answered());
        }

        private void settle() {
            both(new Request.Settle());
            var differences = comparison.all(repeated);
            repeated = false;
            if (!differences.isEmpty()) {
                throw report(String.join("\n  ", differences), null);
            }
        }

        private void both(Request request) {
            note(RequestText.of(request, reference));
            boolean canDie = reference.canDieIn(request);
            var expected = handle(reference, request);
            int steps = reference.fuse().takeSteps();
            if (fate.nextInt(8) == 0) {
                changeProcess();
            }
            boolean dies = !migrating && canDie && steps != 0 && fate.nextInt(5) == 0;
            var actual = handleAndDie(request, steps, dies ? 1 + fate.nextInt(steps) : 0);
            if (!expected.equals(actual)) {
                var differences = comparison.device();
                differences.addFirst(
                        "reply: %s without restarts, %s with them".formatted(expected, actual));
                throw report(String.join("\n  ", differences), null);
            }
        }

        private Reply handle(Twin twin, Request request) {
            try {
                return twin.handle(request);
            } catch (RuntimeException | AssertionError e) {
                throw report(
                        "the device%s failed: %s"
                                .formatted(twin == restarted ? " with restarts" : "", e),
                        e);
            }
        }

        /**
         * @param steps how many there are, about
         * @param death the step to die before, or 0
         */
        private Reply handleAndDie(Request request, int steps, int death) {
            int at = death;
            while (true) {
                restarted.fuse().light(at);
                try {
                    var reply = handle(restarted, request);
                    restarted.fuse().light(0);
                    return reply;
                } catch (Fuse.Death e) {
                    note("    died before step %d of %d, restarted".formatted(at, steps));
                    if (isWork(request)) {
                        deathsAtWork++;
                    } else {
                        deaths++;
                    }
                    restart();
                    at = fate.nextInt(4) == 0 ? 1 + fate.nextInt(steps) : 0;
                }
            }
        }

        private boolean isWork(Request request) {
            return request instanceof Request.Work
                    || request instanceof Request.Settle
                    || request instanceof Request.Expire
                    || request instanceof Request.ExpireAll;
        }

        private void changeProcess() {
            if (!migrating) {
                note("    restarted");
                restart();
            } else if (restarted.isMovable()) {
                note("    migrated");
                repeated = true;
                restarts++;
                restarted.move();
            }
        }

        private void restart() {
            repeated = true;
            restarts++;
            restarted.die();
            begin(fate.nextInt(6) == 0 ? 1 + fate.nextInt(8) : 0);
        }

        /**
         * @param death the step to die before, or 0; the next process lives
         */
        private void begin(int death) {
            restarted.fuse().light(death);
            try {
                restarted.start();
            } catch (Fuse.Death e) {
                note("    died before step %d of its start, restarted".formatted(death));
                deathsAtStart++;
                restarts++;
                restarted.die();
                restarted.start();
            } catch (RuntimeException e) {
                throw report("the device could not go on after a restart: " + e, e);
            }
            restarted.fuse().light(0);
        }

        private void note(String line) {
            history.addLast(line);
            if (history.size() > HISTORY) {
                history.removeFirst();
            }
        }

        private AssertionError report(String differences, @Nullable Throwable cause) {
            return new AssertionError(
                    """
                    A %s of the device shows, seed %d, after request %d of %d:
                      %s
                    %s
                    The last of what happened:
                      %s\
                    """
                            .formatted(
                                    migrating ? "migration" : "restart",
                                    seed,
                                    handled,
                                    requests,
                                    differences,
                                    CAUSE,
                                    String.join("\n  ", history)),
                    cause);
        }
    }
}
