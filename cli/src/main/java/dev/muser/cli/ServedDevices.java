package dev.muser.cli;

import dev.muser.device.EventLoop;
import dev.muser.device.VfioDevice;
import dev.muser.device.state.DeviceHome;
import dev.muser.linux.Errno;
import dev.muser.linux.Fd;
import dev.muser.linux.SyscallException;
import dev.muser.server.DeviceServer;
import dev.muser.server.Keeping;
import dev.muser.server.ServerOptions;
import java.nio.file.Path;
import java.util.List;
import java.util.function.BiFunction;
import java.util.function.IntFunction;
import org.jspecify.annotations.Nullable;

/**
 * The devices of one {@code muser serve}, and where they are served.
 *
 * @param label what kind they are
 * @param process whether, and for whom, this process serves devices that outlive it
 * @param stop closes them
 * @param paths of their sockets; nothing when {@code fd} is given
 * @param fd the one socket that was inherited
 * @param journal see {@link Keeping}
 */
record ServedDevices(
        String label,
        KeptProcess process,
        OrderlyStop stop,
        ServerOptions options,
        List<Path> paths,
        @Nullable Integer fd,
        boolean journal) {

    /** Makes a device, in its home if it has one. */
    interface Maker extends BiFunction<EventLoop, @Nullable DeviceHome, VfioDevice> {}

    /**
     * Makes and serves them all.
     *
     * @param makers by number
     * @throws UserError when that is not possible
     */
    void start(IntFunction<Maker> makers) {
        if (fd != null) {
            adopt(fd, makers.apply(0));
        }
        for (int i = 0; i < paths.size(); i++) {
            var path = paths.get(i);
            var maker = makers.apply(i);
            try {
                stop.add(process.isKept() ? keep(i, path, maker) : listen(path, maker));
            } catch (SyscallException e) {
                throw SocketPaths.cannotListen(path, e);
            }
        }
    }

    private DeviceServer listen(Path path, Maker maker) {
        return DeviceServer.listen(stop.loop(), loop -> maker.apply(loop, null), path, options);
    }

    private DeviceServer keep(int number, Path path, Maker maker) {
        var keeping =
                new Keeping(
                        label,
                        process.store(number),
                        process.listening(number),
                        journal,
                        process.predecessor());
        try {
            return DeviceServer.keep(stop.loop(), maker, path, options, keeping);
        } catch (IllegalArgumentException e) {
            throw new UserError("--journal=off: " + e.getMessage());
        }
    }

    private void adopt(int number, Maker maker) {
        try {
            stop.add(
                    DeviceServer.adopt(
                            stop.loop(),
                            loop -> maker.apply(loop, null),
                            Fd.adopt(number),
                            options));
        } catch (SyscallException e) {
            var complaint =
                    switch (e.errno()) {
                        case Errno.EBADF -> ": no such descriptor is open";
                        case Errno.ENOTCONN -> " neither listens nor is connected";
                        case Errno.EACCES -> ": --allow-uid does not name its user";
                        default -> " is not a UNIX stream socket";
                    };
            throw new UserError("--fd " + number + complaint);
        }
    }
}
