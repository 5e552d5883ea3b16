package dev.muser.cli;

import static dev.muser.cli.Invocation.refused;
import static dev.muser.cli.Invocation.run;
import static org.assertj.core.api.Assertions.assertThat;

import dev.muser.linux.UnixSocket;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Command lines, good and bad, with what they print and the exit codes. */
class CommandLineTest {
    @TempDir private Path folder = Path.of("");

    private String socket() {
        return folder.resolve("d.sock").toString();
    }

    @Test
    void shouldTellVersionAndHelpOfEveryCommand() {
        assertThat(run("--version").out()).startsWith("muser ").contains("Java");
        for (var name :
                new String[] {
                    "serve",
                    "devices",
                    "inspect",
                    "conform",
                    "namespace",
                    "migrate",
                    "demo",
                    "completion"
                }) {
            assertThat(run("--help").out()).contains("  " + name + " ");
            assertThat(run(name, "--help").code()).isZero();
            assertThat(run(name, "--help").out()).startsWith("Usage: muser " + name);
            assertThat(run(name, "--version").out()).isEqualTo(run("--version").out());
        }
    }

    @Test
    void shouldDocumentExitCodes() {
        assertThat(run("--help").out()).contains("Exit codes:", "0    done", "130   interrupted");
    }

    @Test
    void shouldAskForACommand() {
        assertThat(refused()).isEqualTo("muser: which command? (see muser --help)");
    }

    @Test
    void shouldSuggestWhatComesNearToAWrongWord() {
        assertThat(refused("srve")).contains("did you mean serve?");
        assertThat(refused("serve", "edv", "-s", socket()))
                .isEqualTo(
                        "muser serve: there is no device 'edv': did you mean edu?"
                                + " ('muser devices' lists them)");
        assertThat(refused("serve", "edu", "--polcy=x"))
                .contains("there is no option '--polcy=x': did you mean --policy?");
        assertThat(refused("frobnicate"))
                .isEqualTo("muser: there is no command 'frobnicate' (see muser --help)");
        assertThat(refused("devices", "edu")).contains("'edu' is one argument too many");
    }

    @Test
    void shouldListDevicesWithTheirOptions() {
        assertThat(run("devices").out()).contains("edu ", "idio16 ", "--set inputs=loopback");
        assertThat(run("devices", "--json").out())
                .contains("\"name\" : \"edu\"", "\"default\" : \"loopback\"");
    }

    @Test
    void shouldPrintACompletionScript() {
        assertThat(run("completion").out())
                .startsWith("#!/usr/bin/env bash")
                .contains("--socket-path", "edu", "idio16", "polling")
                .doesNotContain("POLLING");
    }

    @Test
    void shouldRefuseToServeWithoutExactlyOneSocket() {
        var message = "muser serve: give either --socket-path PATH or --fd N";
        assertThat(refused("serve", "edu")).isEqualTo(message);
        assertThat(refused("serve", "edu", "-s", socket(), "--fd", "3")).isEqualTo(message);
    }

    @Test
    void shouldRefuseWrongValuesOfOptions() {
        assertThat(refused("serve", "edu", "-s", socket(), "--policy", "lazy"))
                .contains("'lazy' is none of blocking, polling, adaptive");
        assertThat(refused("serve", "edu", "-s", socket(), "--spin", "50us"))
                .contains("--spin is for --policy adaptive, and the policy is blocking");
        assertThat(refused("serve", "edu", "-s", socket(), "--policy=adaptive", "--spin=fast"))
                .contains("'fast' is not a duration such as 50us");
        assertThat(refused("serve", "edu", "-s", socket(), "--max-transfer", "1K"))
                .contains("--max-transfer 1024: must be 4K to 64M");
        assertThat(refused("serve", "edu", "-s", socket(), "--max-transfer", "big"))
                .contains("'big' is not a size");
        assertThat(refused("serve", "edu", "-s", socket(), "--cpu", "100000"))
                .contains("--cpu 100000: this process may run on {");
        assertThat(refused("serve", "edu", "-s", socket(), "--count", "0"))
                .contains("--count 0: must be at least 1");
        assertThat(refused("serve", "edu", "-s", socket(), "--count", "1000000000"))
                .contains("MUSER_JVM_OPTIONS=-Xmx31250001m is enough");
        assertThat(refused("serve", "edu", "--fd", "3", "--count", "2"))
                .contains("--count needs --socket-path");
        assertThat(refused("serve", "edu", "-s", socket(), "--count", "few"))
                .contains("'few' is not a whole number");
        for (var user : new String[] {"-5", "root", "4294967295"}) {
            assertThat(refused("serve", "edu", "-s", socket(), "--allow-uid", user))
                    .contains("'" + user + "' is not a user's number");
        }
        assertThat(refused("serve", "edu", "-s", socket(), "--set", "inputs"))
                .contains("'inputs' is not NAME=VALUE");
        assertThat(refused("serve", "idio16", "-s", socket(), "--set", "inputs=sideways"))
                .contains("option inputs of device idio16: 'sideways' is not loopback");
        assertThat(refused("serve", "idio16", "-s", socket(), "--set", "colour=red"))
                .contains("device idio16 has no option 'colour': it has inputs");
    }

    @Test
    void shouldTellAllOptionsOfDisksInTheHelp() {
        for (var command : new String[][] {{"serve", "--help"}, {"namespace", "add", "--help"}}) {
            assertThat(run(command).out())
                    .contains("--file=IMG", "--nbd=URI", "--block-size", "--write-bandwidth");
        }
        assertThat(run("serve", "edu", "--help").out()).contains("--doorbells=HOW", "--namespace");
    }

    @Test
    void shouldRefuseOptionsOfDisksForOtherDevices() {
        assertThat(refused("serve", "edu", "-s", socket(), "--file", "x"))
                .contains("'--file' is for nvme, and the device is another");
        assertThat(refused("serve", "edu", "-s", "nvme", "--memory", "1M"))
                .isEqualTo("muser serve: --memory is for nvme, and the device is edu");
    }

    @Test
    void shouldRefuseDisksThatMakeNoSense() {
        assertThat(refused("serve", "nvme", "-s", socket()))
                .isEqualTo(
                        "muser serve: say where the disk's bytes are, by one of --file IMG,"
                                + " --memory SIZE, --null SIZE, --nbd URI");
        var image = folder.resolve("no.img").toString();
        assertThat(refused("serve", "nvme", "-s", socket(), "--file", image))
                .isEqualTo("muser serve: no such image " + image + ": create it with --size");
        assertThat(refused("serve", "nvme", "-s", socket(), "--file", image, "--count", "2"))
                .contains("--count 2: " + image + " is one disk, not 2");
        assertThat(refused("serve", "nvme", "-s", socket(), "--memory", "1M", "--iops", "few"))
                .contains("--iops: 'few' is not a number of at least 1");
        assertThat(refused("serve", "nvme", "-s", socket(), "--memory=1M", "--queues", "129"))
                .contains("option queues of device nvme: '129' is not an integer from 1 to 128");
        assertThat(refused("serve", "nvme", "-s", socket(), "--memory=1M", "--model", ""))
                .contains("model '': must be 1 to 40 printable ASCII characters");
        assertThat(refused("serve", "nvme", "-s", socket(), "--namespace", "memory=1M,sise=2M"))
                .contains("there is no 'sise': did you mean size?");
        assertThat(refused("serve", "nvme", "-s", socket(), "--memory=1M", "--doorbells=x"))
                .contains("'x' is not one of auto, mapped, messages");
    }

    @Test
    void shouldCloseTheImageWhenTheDiskCannotBeServed() throws IOException {
        var image = folder.resolve("d.img").toString();
        var file = Files.createFile(folder.resolve("file")).toString();
        for (int i = 0; i < 2; i++) { // the second time it would be locked
            assertThat(refused("serve", "nvme", "-s", file, "--file", image, "--size", "1M"))
                    .contains("exists and is not a socket");
        }
    }

    @Test
    void shouldRefuseAPathThatLeavesNoRoomForTheControlSocket() {
        var path = "x".repeat(101);
        assertThat(refused("serve", "nvme", "-s", path, "--memory", "1M"))
                .contains("Linux allows 107: choose a shorter one than " + path + ".control");
    }

    @Test
    void shouldRefuseToShowWhatIsNotShown() {
        assertThat(refused("demo", "idio16")).contains("only nvme and edu are");
        assertThat(refused("demo", "edu", "--kills", "1")).contains("--kills is for nvme");
        assertThat(refused("demo", "--kills", "-1")).contains("must be 0 to");
    }

    @Test
    void shouldRefusePathsWhereNoSocketCanBe() throws IOException {
        var longer = folder.resolve("x".repeat(108)).toString();
        assertThat(refused("serve", "edu", "-s", longer)).contains("Linux allows 107");
        assertThat(refused("inspect", longer)).contains("Linux allows 107");

        var absent = folder.resolve("no/d.sock").toString();
        assertThat(refused("serve", "edu", "-s", absent))
                .contains("the folder " + folder.resolve("no") + " is not there: create it");

        var file = Files.writeString(folder.resolve("file"), "precious");
        assertThat(refused("serve", "edu", "-s", file.resolve("d.sock").toString()))
                .contains(file + " is not a folder");
        assertThat(refused("serve", "edu", "-s", file.toString()))
                .contains(file + " exists and is not a socket: remove it");
        assertThat(file).hasContent("precious");
    }

    @Test
    void shouldRefuseDescriptorsThatAreNoSockets() {
        assertThat(refused("serve", "edu", "--fd", "9999"))
                .contains("--fd 9999: no such descriptor is open");
    }

    @Test
    void shouldRefuseAnInheritedClientWhoseUserIsNotAllowed() {
        var pair = UnixSocket.pair();
        try (var ours = pair[1]) {
            int other = ours.peer().uid() + 1;
            int fd = pair[0].fd().release(); // the server's, which closes it
            assertThat(refused("serve", "edu", "--fd", "" + fd, "--allow-uid", "" + other))
                    .contains("--fd " + fd + ": --allow-uid does not name its user");
        }
    }

    @Test
    void shouldSayWhyADeviceCannotBeInspected() throws IOException {
        var file = Files.createFile(folder.resolve("file"));
        assertThat(refused("inspect", socket())).contains("there is no socket at " + socket());
        assertThat(refused("inspect", file.toString())).contains("is a file, not a socket");
        assertThat(refused("inspect", folder.toString())).contains("is a folder, not a socket");
    }

    @Test
    void shouldQuotePathsForShellAndJson() {
        assertThat(AttachHint.option(Path.of("/tmp/it's \"x\"")))
                .isEqualTo(
                        "-device"
                            + " '{\"driver\":\"vfio-user-pci\",\"socket\":{\"type\":\"unix\",\"path\":\"/tmp/it'\\''s"
                            + " \\\"x\\\"\"},\"x-msg-timeout\":60000}'");
    }

    @Test
    void shouldGiveQemuARelativePathWhereTheAbsoluteOneIsTooLong() {
        var relative = Path.of("x".repeat(107));
        assertThat(AttachHint.option(relative)).contains("\"path\":\"" + relative + "\"");
    }

    @Test
    void shouldLogOneLineWhateverAMessageHolds() {
        assertThat(
                        OneLineLoggers.format(
                                System.Logger.Level.WARNING,
                                "a\nb",
                                new IllegalStateException("c\td")))
                .isEqualTo("muser: warning: a b: java.lang.IllegalStateException: c d");
    }
}
