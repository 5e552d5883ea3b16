package dev.muser.cli;

import dev.muser.cli.control.ControlServer;
import dev.muser.device.pci.DeviceFactory;
import dev.muser.device.pci.PciDevice;
import dev.muser.device.state.StateMismatchException;
import dev.muser.device.state.StateSegment;
import dev.muser.devices.storage.StorageException;
import dev.muser.linux.Fd;
import dev.muser.linux.SyscallException;
import dev.muser.server.DeviceServer;
import dev.muser.server.Loop;
import dev.muser.server.LoopPolicy;
import dev.muser.server.ResumeWarmUp;
import dev.muser.server.WarmUp;
import java.io.IOException;
import java.io.PrintWriter;
import java.util.Objects;
import java.util.OptionalInt;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;

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
final class ServeCommand extends ServeOptions implements Callable<Integer> {
    @Override
    public Integer call() {
        try (var process = KeptProcess.fromEnvironment()) {
            requireKeeper(process);
            var broker = new Broker();
            var kind = kind(broker);
            if (process.isStandby()) {
                warmUpToGoOn(kind.toLookAt());
            }
            var confinement = new Confinement(sandbox);
            return broker.serve(
                    () -> confinement.restrictFiles(reach(kind, process)),
                    () -> serve(kind, process, confinement, broker));
        }
    }

    private ServedKind kind(Broker broker) {
        var model = DeviceNames.find(device);
        var parsed = spec().commandLine().getParseResult();
        return isDisk()
                ? new ServedDisks(model, settings(), parsed, diskSpin(), neverSleeps(), broker)
                : new ServedOthers(model, settings(), parsed);
    }

    private int serve(
            ServedKind kind, KeptProcess process, Confinement confinement, Broker broker) {
        var stop = open(kind, process, broker);
        if (stop == null) { // another process goes on
            return ExitCode.OK;
        }
        try (stop) {
            stop.onSignals(process);
            boolean programs = process.isKept() || mayStartPrograms;
            confinement.restrictCalls(kind.needs(programs), programs || hasControl(process));
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

    /** Checks the command line and begins to serve what nobody keeps. */
    OrderlyStop open() {
        var broker = new Broker();
        return Objects.requireNonNull(open(kind(broker), KeptProcess.alone(), broker));
    }

    /** Returns null when this process waited for its turn, and is not needed. */
    private @Nullable OrderlyStop open(ServedKind kind, KeptProcess process, Broker broker) {
        var options = serverOptions();
        var loopPolicy = loopPolicy();
        var paths = paths();
        requireCpu();
        boolean control = hasControl(process);
        if (control) {
            paths.forEach(path -> SocketPaths.check(ControlServer.pathFor(path)));
        }
        kind.check();
        var stop = new OrderlyStop(Loop.start("muser-" + device, loopPolicy, pinned()));
        try {
            warmUp(stop.loop());
            var upgrade = new Upgrade(process, stop.loop(), broker);
            if (process.isKept() || process.isStandby()) {
                upgrade.onHangUp(); // also without a control socket: SIGHUP would end it
            }
            if (!process.awaitTurn(stop.loop(), (number, state) -> check(kind, state))) {
                stop.close();
                return null;
            }
            var controls = control ? new ServedControls(upgrade, stop) : null;
            var devices =
                    new ServedDevices(device, process, stop, options, paths, fd, isJournalled());
            kind.start(devices, controls, user);
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

    private Reach reach(ServedKind kind, KeptProcess process) {
        var path = socketPath;
        return new Reach(
                path == null ? null : path.toAbsolutePath().getParent(),
                process.isKept() || process.isStandby(),
                kind.needs(false).network(),
                kind.ports(),
                mayStartPrograms);
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
    private void check(ServedKind kind, Fd state) {
        var segment = StateSegment.look(state.duplicate(), device);
        if (segment != null) {
            try (segment) {
                PciDevice.check(kind.toLookAt(), new IdleLoop(), segment);
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
