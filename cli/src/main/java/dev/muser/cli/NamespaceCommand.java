package dev.muser.cli;

import dev.muser.cli.control.ControlClient;
import dev.muser.cli.disk.DiskKey;
import dev.muser.cli.disk.DiskSpec;
import dev.muser.cli.disk.DiskText;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;

/** {@code muser namespace}. */
@Command(
        name = "namespace",
        description =
                "Add namespaces to a disk that is being served, remove them, list them; its guest"
                        + " is told, and goes on.",
        synopsisSubcommandLabel = "ACTION",
        subcommands = {
            NamespaceCommand.List.class,
            NamespaceCommand.Add.class,
            NamespaceCommand.Remove.class
        },
        footer = {
            "",
            "SOCKET is that of 'muser serve nvme'; SOCKET.control beside it is what is used.",
            "Begin with: muser namespace list /tmp/disk.sock"
        })
final class NamespaceCommand extends BaseCommand implements Runnable {
    /** For an NBD server that is slow. */
    private static final Duration PATIENCE = Duration.ofSeconds(45);

    @Override
    public void run() {
        throw new ParameterException(spec().commandLine(), "which action: list, add or remove?");
    }

    /** Adds options that annotations do not declare. */
    static void complete(CommandSpec namespace) {
        var add = Objects.requireNonNull(namespace.subcommands().get("add"));
        DiskOptions.addNamespace(add.getCommandSpec(), "");
    }

    private static ControlClient connect(Path socket) {
        SocketPaths.check(socket);
        var client = ControlClient.connect(socket, PATIENCE);
        if (client == null) {
            throw new UserError(
                    "there is no control socket beside %s: is a disk served there, without %s?"
                            .formatted(socket, DiskOptions.NO_CONTROL));
        }
        return client;
    }

    private static Map<String, Object> ask(Path socket, Map<String, Object> request) {
        try (var client = connect(socket)) {
            return client.ask(request);
        }
    }

    /** {@code muser namespace list}. */
    @Command(name = "list", description = "List the namespaces of a disk.")
    static final class List extends BaseCommand implements Callable<Integer> {
        @Parameters(paramLabel = "SOCKET", description = "The disk's socket.")
        private Path socket = Path.of("");

        @Option(names = "--json", description = "Print JSON.")
        private boolean json;

        @Override
        public Integer call() {
            try (var client = connect(socket)) {
                out().print(client.report("list", json));
            }
            out().flush();
            return ExitCode.OK;
        }
    }

    /** {@code muser namespace add}. */
    @Command(
            name = "add",
            sortOptions = false,
            description = "Add a namespace: the guest sees one more disk of the controller.")
    static final class Add extends BaseCommand implements Callable<Integer> {
        @Parameters(paramLabel = "SOCKET", description = "The disk's socket.")
        private Path socket = Path.of("");

        @Override
        public Integer call() {
            var values = DiskOptions.first(spec().commandLine().getParseResult());
            var checked = DiskSpec.ofOptions(values);
            if (values.containsKey(DiskKey.FILE)) {
                values.put(DiskKey.FILE, checked.description()); // the server has its own folder
            }
            var answer =
                    ask(socket, Map.of("command", "add", "namespace", DiskText.format(values)));
            out().printf("added: namespace %s, %s%n", answer.get("id"), checked.description());
            out().flush();
            return ExitCode.OK;
        }
    }

    /** {@code muser namespace remove}. */
    @Command(
            name = "remove",
            description = {
                "Remove a namespace. Commands under way there end as they would have; the guest is"
                        + " told that it is gone. Unmount it there first.",
                "What was flushed is on the image; it can be added again."
            })
    static final class Remove extends BaseCommand implements Callable<Integer> {
        @Parameters(index = "0", paramLabel = "SOCKET", description = "The disk's socket.")
        private Path socket = Path.of("");

        @Parameters(index = "1", paramLabel = "ID", description = "Its number: 'list' shows it.")
        private int id;

        @Override
        public Integer call() {
            ask(socket, Map.of("command", "remove", "id", id));
            out().printf("removed: namespace %d%n", id);
            out().flush();
            return ExitCode.OK;
        }
    }
}
