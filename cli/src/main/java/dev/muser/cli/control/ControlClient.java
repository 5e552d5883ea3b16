package dev.muser.cli.control;

import dev.muser.cli.Json;
import dev.muser.cli.UserError;
import dev.muser.linux.Errno;
import dev.muser.linux.SyscallException;
import dev.muser.linux.UnixSocket;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.jr.ob.JSON;

/** Asks a {@link ControlServer}. */
public final class ControlClient implements AutoCloseable {
    private static final int LONGEST = 16 << 20;

    private final Path path;
    private final Lines lines;

    private ControlClient(Path path, Lines lines) {
        this.path = path;
        this.lines = lines;
    }

    /**
     * Connects to the control socket beside a device's own; null when there is none.
     *
     * @param patience for each answer
     * @throws UserError when it is there and cannot be used
     */
    public static @Nullable ControlClient connect(Path socket, Duration patience) {
        var path = ControlServer.pathFor(socket);
        if (!Files.exists(path)) {
            return null;
        }
        try {
            return new ControlClient(
                    path, new Lines(UnixSocket.connect(path, patience), LONGEST, patience));
        } catch (SyscallException e) {
            return switch (e.errno()) {
                case Errno.ECONNREFUSED, Errno.ENOENT -> null; // its server has ended
                case Errno.EACCES, Errno.EPERM ->
                        throw new UserError("this user may not use the socket " + path);
                default ->
                        throw new UserError(
                                "cannot connect to %s: %s".formatted(path, e.getMessage()));
            };
        }
    }

    /**
     * Asks for a report, for programs or for people.
     *
     * @throws UserError when the answer is an error
     */
    public String report(String command, boolean json) {
        var answer = ask(Map.of("command", command));
        return json
                ? Json.print(Objects.requireNonNullElse(answer.get("json"), Map.of())) + "\n"
                : String.valueOf(answer.get("text"));
    }

    /**
     * Asks; returns the answer.
     *
     * @throws UserError when it is an error
     */
    public Map<String, Object> ask(Map<String, Object> request) {
        try {
            lines.write(JSON.std.asString(request));
            var line = lines.read();
            if (line == null) {
                throw new UserError("the server closed " + path + ": it has ended, or is busy");
            }
            var answer = JSON.std.mapFrom(line);
            var error = answer.get("error");
            if (error != null) {
                throw new UserError(error.toString());
            }
            return answer;
        } catch (IOException | JacksonException e) {
            throw new UserError("no answer from %s: %s".formatted(path, e.getMessage()));
        }
    }

    /**
     * Asks the server to have another process go on in its place: it says no more once that does.
     *
     * @throws UserError when it goes on itself, with the reason
     */
    public void upgrade() {
        try {
            lines.write(JSON.std.asString(Map.of("command", "upgrade")));
            var line = lines.read();
            if (line != null) {
                throw new UserError(String.valueOf(JSON.std.mapFrom(line).get("error")));
            }
        } catch (IOException | JacksonException e) {
            throw new UserError("no answer from %s: %s".formatted(path, e.getMessage()));
        }
    }

    @Override
    public void close() {
        lines.close();
    }
}
