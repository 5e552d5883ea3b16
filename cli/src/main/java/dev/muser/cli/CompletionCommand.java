package dev.muser.cli;

import java.util.concurrent.Callable;
import picocli.AutoComplete;
import picocli.CommandLine.Command;

/** {@code muser completion}. */
@Command(
        name = "completion",
        description = "Print a script with which bash and zsh complete muser's command lines.",
        footer = {
            "",
            "For the running shell:  source <(./muser completion)",
            "It completes './muser', and 'muser' where that is on PATH."
        })
final class CompletionCommand extends BaseCommand implements Callable<Integer> {
    @Override
    public Integer call() {
        var out = out();
        out.print(AutoComplete.bash("muser", Main.commandLine()));
        out.println();
        out.flush();
        return ExitCode.OK;
    }
}
