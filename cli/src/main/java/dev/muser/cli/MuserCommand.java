package dev.muser.cli;

import picocli.CommandLine.Command;
import picocli.CommandLine.ParameterException;

/** The command itself: what there is to do. */
@Command(
        name = "muser",
        description = "PCI devices as Java programs: serve them to virtual machines and drivers.",
        synopsisSubcommandLabel = "COMMAND",
        exitCodeListHeading = "%nExit codes:%n",
        exitCodeList = {
            " 0:done",
            " 1:a check failed, the other side went away, or Muser itself is at fault",
            " 2:the command line, or what it names, is wrong",
            "130:interrupted (Ctrl-C); 143: ended by SIGTERM. 'serve' ends with 0 after either,",
            "   :since that is how it is stopped"
        },
        footer = {
            "",
            "Environment:",
            "  MUSER_DEBUG=1        stack traces with internal errors",
            "  MUSER_JVM_OPTIONS    more options for the JVM",
            "  NO_COLOR=1           no colours",
            "",
            "Begin with: muser demo"
        })
final class MuserCommand extends BaseCommand implements Runnable {
    @Override
    public void run() {
        throw new ParameterException(spec().commandLine(), "which command?");
    }
}
