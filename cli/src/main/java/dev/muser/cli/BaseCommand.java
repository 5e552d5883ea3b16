package dev.muser.cli;

import java.io.PrintWriter;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** What every command has: help, version, and how much it says. */
@Command(versionProvider = Version.class)
abstract class BaseCommand {
    @Option(
            names = {"-h", "--help"},
            usageHelp = true,
            description = "Show this help and end.")
    boolean help;

    @Option(
            names = {"-V", "--version"},
            versionHelp = true,
            description = "Show the version and end.")
    boolean version;

    @Option(
            names = {"-v", "--verbose"},
            description = "Say more on standard error; twice for all there is.")
    private boolean[] verbose = {};

    @Spec private CommandSpec spec = CommandSpec.create();

    final CommandSpec spec() {
        return spec;
    }

    final PrintWriter out() {
        return spec.commandLine().getOut();
    }

    /** How often more was asked for. */
    final int verbosity() {
        return verbose.length;
    }
}
