package dev.muser.cli;

import dev.muser.cli.control.ControlServer;
import dev.muser.cli.control.DiskRequests;
import dev.muser.cli.disk.AddedNamespaces;
import dev.muser.cli.disk.NvmeDisk;
import dev.muser.device.EventLoop;
import dev.muser.device.pci.PciDevice;
import dev.muser.linux.SyscallException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;

/** The control sockets beside those of the devices, by which operators come. */
final class ServedControls {
    private final OrderlyStop stop;
    private final Upgrade upgrade;

    /**
     * @param stop closes the sockets at the end
     */
    ServedControls(Upgrade upgrade, OrderlyStop stop) {
        this.stop = stop;
        this.upgrade = upgrade;
    }

    /** Has operators come to a device of which no more can be asked than of any. */
    void listen(Path socket, PciDevice device) {
        listen(
                socket,
                stop.loop(),
                request -> {
                    if ("inspect".equals(request.get("command"))) {
                        return stop.loop().call(() -> InspectCommand.report(socket, device));
                    }
                    throw new UserError("no such command: inspect, process and upgrade are");
                });
    }

    /** Has operators come to disks that are being served. */
    void listen(List<NvmeDisk> disks, List<AddedNamespaces> added, List<Path> sockets) {
        for (int i = 0; i < sockets.size(); i++) {
            var socket = sockets.get(i);
            var disk = disks.get(i);
            listen(
                    socket,
                    disk.loop(),
                    new DiskRequests(
                            disk,
                            socket.toAbsolutePath().normalize().toString(),
                            added.get(i),
                            device -> InspectCommand.report(socket, device)));
        }
    }

    private void listen(Path socket, EventLoop loop, UnaryOperator<Map<String, Object>> requests) {
        var path = ControlServer.pathFor(socket);
        try {
            stop.add(ControlServer.listen(path, loop, request -> answer(request, requests)));
        } catch (SyscallException e) {
            throw SocketPaths.cannotListen(path, e);
        }
    }

    private Map<String, Object> answer(
            Map<String, Object> request, UnaryOperator<Map<String, Object>> others) {
        if ("upgrade".equals(request.get("command"))) {
            throw upgrade.run();
        }
        return "process".equals(request.get("command"))
                ? Map.of("pid", ProcessHandle.current().pid())
                : others.apply(request);
    }
}
