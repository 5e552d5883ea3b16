package dev.muser.cli;

import java.io.PrintStream;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.function.Supplier;
import picocli.CommandLine;
import picocli.CommandLine.Help.Ansi;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.TypeConversionException;
import picocli.CommandLine.UnmatchedArgumentException;

/** Where the {@code muser} command begins. */
public final class Main {
    /** Set in the environment, internal errors come with their stack traces. */
    static final String DEBUG = "MUSER_DEBUG";

    private record Subcommand(String name, Supplier<BaseCommand> maker) {}

    /** In the order of the help. */
    private static final List<Subcommand> SUBCOMMANDS =
            List.of(
                    new Subcommand("serve", ServeCommand::new),
                    new Subcommand("devices", DevicesCommand::new),
                    new Subcommand("inspect", InspectCommand::new),
                    new Subcommand("conform", ConformCommand::new),
                    new Subcommand("namespace", NamespaceCommand::new),
                    new Subcommand("upgrade", UpgradeCommand::new),
                    new Subcommand("migrate", MigrateCommand::new),
                    new Subcommand("demo", DemoCommand::new),
                    new Subcommand("bench", BenchCommand::new),
                    new Subcommand("completion", CompletionCommand::new),
                    new Subcommand("train", TrainCommand::new),
                    new Subcommand("pong", PongCommand::new));

    private static volatile int exitCode = ExitCode.OK;

    private Main() {}

    public static void main(String[] arguments) {
        EarlyStart.begin(arguments);
        exitCode = execute(arguments);
        System.exit(exitCode);
    }

    private static int execute(String[] arguments) {
        var line = commandLine(arguments);
        int code;
        try {
            code = line.execute(arguments);
        } catch (OutOfMemoryError e) {
            line.getErr().println("muser: out of memory: give it more by MUSER_JVM_OPTIONS=-Xmx1g");
            return ExitCode.FAILED;
        }
        if (line.getOut().checkError() && code == ExitCode.OK) { // flushes
            line.getErr().println("muser: the output could not be written");
            return ExitCode.FAILED;
        }
        return code;
    }

    /** Returns what the command came to; 0 while it runs. */
    static int exitCode() {
        return exitCode;
    }

    /** Returns the whole command. */
    static CommandLine commandLine() {
        return commandLine(new MuserCommand(), SUBCOMMANDS, true);
    }

    /**
     * Returns the part of the command that {@code arguments} need: Picocli takes some 10 ms for
     * each subcommand, and only one is used.
     */
    static CommandLine commandLine(String[] arguments) {
        for (var subcommand : SUBCOMMANDS) {
            if (arguments.length > 0 && arguments[0].equals(subcommand.name)) {
                // Nor is what the root says of itself.
                return commandLine(
                        CommandSpec.create().name("muser"),
                        List.of(subcommand),
                        ServeOptions.mayBeOfDisks(arguments));
            }
        }
        return commandLine();
    }

    private static CommandLine commandLine(
            Object root, List<Subcommand> subcommands, boolean disks) {
        var line = new CommandLine(root);
        subcommands.forEach(s -> line.addSubcommand(s.name, s.maker.get()));
        var serve = line.getSubcommands().get("serve");
        if (serve != null && disks) {
            DiskOptions.addToServe(serve.getCommandSpec());
        }
        var namespace = line.getSubcommands().get("namespace");
        if (namespace != null) {
            NamespaceCommand.complete(namespace.getCommandSpec());
        }
        line.setOut(writer(System.out));
        line.setErr(writer(System.err));
        line.setColorScheme(
                CommandLine.Help.defaultColorScheme(Terminal.hasColours() ? Ansi.ON : Ansi.OFF));
        line.registerConverter(Integer.class, Main::integer);
        line.registerConverter(int.class, Main::integer);
        line.setUsageHelpAutoWidth(false);
        line.setUsageHelpWidth(96);
        line.setExecutionStrategy(Main::run);
        line.setParameterExceptionHandler((e, arguments) -> usage(e));
        line.setExecutionExceptionHandler((e, command, result) -> failed(e, command));
        return line;
    }

    private static int run(CommandLine.ParseResult parsed) {
        var last = parsed.asCommandLineList().getLast().getCommandSpec().userObject();
        OneLineLoggers.verbosity(((BaseCommand) last).verbosity());
        return new CommandLine.RunLast().execute(parsed);
    }

    private static PrintWriter writer(PrintStream stream) {
        return new PrintWriter(stream, true, StandardCharsets.UTF_8);
    }

    private static int usage(ParameterException e) {
        var command = e.getCommandLine();
        var message = new StringBuilder();
        if (e instanceof UnmatchedArgumentException unmatched) {
            message.append(unmatched(command, unmatched.getUnmatched().getFirst()));
            var near = near(unmatched);
            if (!near.isEmpty()) {
                message.append(": did you mean ").append(String.join(" or ", near)).append('?');
            }
        } else {
            message.append(firstLine(String.valueOf(e.getMessage())));
        }
        var name = command.getCommandSpec().qualifiedName();
        command.getErr().printf("%s: %s (see %s --help)%n", name, message, name);
        command.getErr().flush();
        return ExitCode.USAGE;
    }

    /** Picocli suggests some word for any other. */
    private static List<String> near(UnmatchedArgumentException unmatched) {
        var word = unmatched.getUnmatched().getFirst();
        int equals = word.indexOf('=');
        var typed = equals < 0 ? word : word.substring(0, equals);
        return unmatched.getSuggestions().stream()
                .filter(meant -> Spelling.isNear(typed, meant))
                .toList();
    }

    private static String unmatched(CommandLine command, String word) {
        if (command.getCommandSpec().userObject() instanceof ServeCommand
                && DiskOptions.isOne(word)) {
            return "'" + word + "' is for nvme, and the device is another";
        }
        if (word.startsWith("-")) {
            return "there is no option '" + word + "'";
        }
        return command.getSubcommands().isEmpty()
                ? "'" + word + "' is one argument too many"
                : "there is no command '" + word + "'";
    }

    private static int integer(String text) {
        try {
            return Integer.parseInt(text);
        } catch (NumberFormatException e) {
            throw new TypeConversionException(
                    "'%s' is not a whole number of at most %d".formatted(text, Integer.MAX_VALUE));
        }
    }

    private static int failed(Exception e, CommandLine command) {
        var name = command.getCommandSpec().qualifiedName();
        var err = command.getErr();
        int code;
        if (e instanceof UserError error) {
            err.printf("%s: %s%n", name, e.getMessage());
            code = error.exitCode();
        } else {
            boolean debug = System.getenv(DEBUG) != null;
            err.printf(
                    "%s: internal error: %s%s%n",
                    name, firstLine(e.toString()), debug ? "" : " (" + DEBUG + "=1 shows where)");
            if (debug) {
                e.printStackTrace(err);
            }
            code = ExitCode.FAILED;
        }
        err.flush();
        return code;
    }

    private static String firstLine(String text) {
        return text.lines().findFirst().orElse("");
    }
}
