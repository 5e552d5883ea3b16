package dev.muser.keeper;

import static java.lang.foreign.ValueLayout.JAVA_INT;

import dev.muser.linux.ExitStatus;
import dev.muser.linux.MemoryFile;
import dev.muser.linux.PidFd;
import dev.muser.linux.Poll;
import dev.muser.service.HandoverException;
import dev.muser.service.ServiceManager;
import dev.muser.service.StandbyProcess;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.stream.Stream;
import sun.misc.Signal;

/**
 * Stands for a device process: counts in memory that it keeps how often it went on, and writes what
 * happens to it into a log, a line each.
 */
public final class DeviceProgram {
    private static final Duration LONG = Duration.ofSeconds(30);

    private final Path log;
    private final String mode;
    private final ServiceManager manager = ServiceManager.fromEnvironment();

    private DeviceProgram(Path log, String mode) {
        this.log = log;
        this.mode = mode;
    }

    public static void main(String[] arguments) throws Exception {
        new DeviceProgram(Path.of(arguments[0]), arguments[1]).run();
    }

    private synchronized void log(String what) {
        try {
            Files.writeString(
                    log,
                    what + " " + ProcessHandle.current().pid() + "\n",
                    StandardOpenOption.CREATE,
                    StandardOpenOption.APPEND);
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }

    private void run() throws Exception {
        var standby = manager.standby();
        if (standby != null) {
            try {
                standby.warm();
                log("warm");
                standby.await(files -> null);
                if (mode.equals("lame-spare")) {
                    Thread.sleep(1_000_000);
                }
                var predecessor = standby.confirm();
                if (predecessor != null) {
                    predecessor.awaitEnd();
                }
                log("took");
            } catch (HandoverException e) {
                log("not needed");
                return;
            }
        } else {
            log("start");
        }
        switch (mode) {
            case "crash" -> System.exit(7);
            case "usage" -> System.exit(2);
            case "silent" -> Thread.sleep(1_000_000);
            case "bye" -> {
                manager.ready("serves");
                manager.stopping();
                System.exit(0);
            }
            default -> serve(standby == null);
        }
    }

    private void serve(boolean cold) throws Exception {
        int count = count();
        Signal.handle(new Signal("HUP"), signal -> log("hup"));
        if (mode.equals("stubborn")) {
            Signal.handle(new Signal("TERM"), signal -> {});
        } else {
            Runtime.getRuntime()
                    .addShutdownHook(
                            new Thread(() -> {
                                log("stopped");
                                Runtime.getRuntime().halt(0);
                            }));
        }
        manager.watchdog();
        manager.ready("serves");
        log("ready " + count);
        if (mode.equals("hang") && count == 1) {
            Thread.sleep(1_000_000);
        }
        if (mode.equals("upgrade") && cold && count == 1) {
            upgrade();
        }
        var lifeline = Objects.requireNonNull(manager.lifeline());
        while (!Poll.await(lifeline, Poll.IN, Duration.ofMillis(50))) {
            manager.watchdog();
        }
        log("lifeline");
        Runtime.getRuntime().halt(0);
    }

    private int count() {
        var store = manager.store();
        try (var arena = Arena.ofConfined()) {
            var value = arena.allocate(JAVA_INT);
            var memory = store.get("count");
            if (memory == null) {
                memory = MemoryFile.create("count", 4);
                store.put("count", memory);
            }
            memory.readAt(0, value, 0, 4);
            value.set(JAVA_INT, 0, value.get(JAVA_INT, 0) + 1);
            memory.writeAt(0, value, 0, 4);
            memory.close();
            return value.get(JAVA_INT, 0);
        }
    }

    private void upgrade() throws HandoverException {
        var info = ProcessHandle.current().info();
        var command =
                Stream.concat(
                                Stream.of(info.command().orElseThrow()),
                                List.of(info.arguments().orElseThrow()).stream())
                        .toList();
        try (var next = StandbyProcess.start(command, System.getenv(), manager.lifeline());
                var self = PidFd.open(ProcessHandle.current().pid())) {
            if (!next.awaitWarm(LONG)) {
                throw new HandoverException(String.valueOf(ExitStatus.UNKNOWN));
            }
            var refusal = next.check(List.of(), LONG);
            if (refusal != null) {
                throw new HandoverException(refusal);
            }
            next.handOver(manager.everything(), LONG);
            manager.mainPid(next.process().pid());
            next.go(self, ProcessHandle.current().pid());
        }
        log("retired");
        Runtime.getRuntime().halt(0);
    }
}
