package dev.muser.cli;

import dev.muser.conform.CaseResult;
import dev.muser.conform.Conformance;
import dev.muser.conform.ConformanceOptions;
import dev.muser.conform.JUnitReport;
import dev.muser.conform.JsonReport;
import dev.muser.conform.Outcome;
import dev.muser.conform.Report;
import dev.muser.conform.TextReport;
import dev.muser.linux.SyscallException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.regex.PatternSyntaxException;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code muser conform}. */
@Command(
        name = "conform",
        description = {
            "Test whether the vfio-user server at a socket keeps to the protocol, whoever wrote"
                    + " it.",
            "Cases adapt to what the device has. What the specification requires is a failure when"
                + " it is not so; what it leaves open, or programs in use do otherwise, a note.",
            "The device is reset, and migrates to itself where it can: test none that is in use."
        },
        exitCodeListHeading = "%nExit codes:%n",
        exitCodeList = {
            "0:all cases that apply passed, some perhaps with a note",
            "1:a case failed, or could not be run",
            "2:the command line is wrong, or there is no server"
        })
final class ConformCommand extends BaseCommand implements Callable<Integer> {
    @Parameters(
            paramLabel = "SOCKET",
            arity = "0..1",
            description = "The socket's path; not needed with --list.")
    private @Nullable Path socket;

    @Option(names = "--list", description = "Print the cases, and run none.")
    private boolean list;

    @Option(
            names = "--only",
            paramLabel = "GLOB",
            split = ",",
            description =
                    "Run these cases alone: a section such as dma-map, or a glob such as"
                            + " 'dma-map/overlap*'. Can be given several times.")
    private List<String> only = new ArrayList<>();

    @Option(
            names = "--timeout",
            paramLabel = "TIME",
            converter = DurationConverter.class,
            defaultValue = "5s",
            description = "How long a case may wait for the server: 5s unless given.")
    private Duration timeout = Duration.ofSeconds(5);

    @Option(
            names = "--one-connection",
            description =
                    "Leave out the cases that need a connection of their own: for a server that"
                            + " ends with its client.")
    private boolean oneConnection;

    @Option(names = "--json", description = "Print JSON, with all that was sent and got.")
    private boolean json;

    @Option(
            names = "--junit",
            paramLabel = "FILE",
            description = "Write JUnit's XML to this file too.")
    private @Nullable Path junit;

    @Override
    public Integer call() {
        var options = new ConformanceOptions(timeout, only, oneConnection);
        check();
        if (list) {
            return list(options);
        }
        if (socket == null) {
            throw new UserError("which socket? (--list needs none)");
        }
        SocketPaths.check(socket);
        var report = run(socket, options);
        if (json) {
            out().println(Json.print(JsonReport.of(report)));
        } else {
            out().print(TextReport.summary(report));
        }
        if (junit != null) {
            write(junit, JUnitReport.of(report));
        }
        out().flush();
        return report.conforms() ? ExitCode.OK : ExitCode.FAILED;
    }

    private void check() {
        if (timeout.toMillis() < 1) {
            throw new UserError("--timeout must be at least 1ms");
        }
        for (var glob : only) {
            try {
                if (Conformance.cases().stream()
                        .noneMatch(each -> ConformanceOptions.matches(glob, each))) {
                    throw new UserError(
                            "--only '%s' means no case: see muser conform --list".formatted(glob));
                }
            } catch (PatternSyntaxException e) {
                throw new UserError("--only '%s' is not a glob".formatted(glob));
            }
        }
    }

    private int list(ConformanceOptions options) {
        var cases = Conformance.cases().stream().filter(options::selects).toList();
        if (json) {
            out().println(Json.print(JsonReport.of(cases)));
        } else {
            cases.forEach(each -> out().print(TextReport.listed(each)));
        }
        out().flush();
        return ExitCode.OK;
    }

    private Report run(Path server, ConformanceOptions options) {
        try {
            return new Conformance(server, options, json ? _ -> {} : this::print).run();
        } catch (SyscallException e) {
            throw SocketPaths.cannotConnect(server, e);
        }
    }

    /** Prints a result when it is there, so that one sees what a slow server is at. */
    private void print(CaseResult result) {
        boolean good =
                result.outcome() == Outcome.PASSED || result.outcome() == Outcome.NOT_OFFERED;
        if (!good || verbosity() > 0) {
            out().print(TextReport.line(result));
        }
        if (result.outcome() == Outcome.FAILED || verbosity() > 1) {
            out().print(TextReport.record(result));
        }
        out().flush();
    }

    private static void write(Path file, String text) {
        try {
            Files.writeString(file, text);
        } catch (IOException e) {
            throw new UserError("cannot write %s: %s".formatted(file, e.getMessage()));
        }
    }
}
