package dev.muser.client;

import dev.muser.device.IrqAction;
import dev.muser.device.VfioException;
import dev.muser.linux.Errno;
import dev.muser.linux.Fd;
import dev.muser.protocol.Command;
import dev.muser.protocol.Header;
import dev.muser.protocol.SetIrqs;
import java.util.List;

/** DEVICE_SET_IRQS, split into as many messages as the server's limits want. */
final class IrqMessages {
    private final Connection connection;
    private final Limits limits;

    IrqMessages(Connection connection, Limits limits) {
        this.connection = connection;
        this.limits = limits;
    }

    void act(int index, IrqAction action, int start, int count) {
        send(index, SetIrqs.DATA_NONE | flag(action), start, count, List.of());
    }

    void act(int index, IrqAction action, int start, boolean[] selected) {
        int most = limits.maxTransfer();
        int flags = SetIrqs.DATA_BOOL | flag(action);
        for (int done = 0; done < selected.length; ) {
            int part = Math.min(most, selected.length - done);
            var request = connection.request(SetIrqs.SIZE + part);
            int length =
                    SetIrqs.encodeRequest(request, Header.SIZE, flags, index, start + done, part);
            for (int i = 0; i < part; i++) {
                SetIrqs.encodeBool(request, Header.SIZE, i, selected[done + i]);
            }
            connection.call(Command.DEVICE_SET_IRQS, length);
            done += part;
        }
    }

    void install(int index, IrqAction action, int start, List<Fd> eventFds) {
        try {
            int most = limits.maxDescriptors();
            if (most < 1 && !eventFds.isEmpty()) {
                throw new VfioException(
                        Errno.EOPNOTSUPP,
                        "DEVICE_SET_IRQS with eventfds, where the server takes no descriptors"
                                + " (max_msg_fds 0)");
            }
            int flags = SetIrqs.DATA_EVENTFD | flag(action);
            for (int done = 0; done < eventFds.size(); done += most) {
                var part = eventFds.subList(done, Math.min(eventFds.size(), done + most));
                send(index, flags, start + done, part.size(), part);
            }
        } finally {
            eventFds.forEach(Fd::close); // the server has duplicates
        }
    }

    void remove(int index, IrqAction action, int start, int count) {
        send(index, SetIrqs.DATA_EVENTFD | flag(action), start, count, List.of());
    }

    void disable(int index) {
        send(index, SetIrqs.DATA_NONE | SetIrqs.ACTION_TRIGGER, 0, 0, List.of());
    }

    private void send(int index, int flags, int start, int count, List<Fd> descriptors) {
        int length =
                SetIrqs.encodeRequest(
                        connection.request(SetIrqs.SIZE), Header.SIZE, flags, index, start, count);
        connection.call(Command.DEVICE_SET_IRQS, length, descriptors);
    }

    private static int flag(IrqAction action) {
        return switch (action) {
            case MASK -> SetIrqs.ACTION_MASK;
            case UNMASK -> SetIrqs.ACTION_UNMASK;
            case TRIGGER -> SetIrqs.ACTION_TRIGGER;
        };
    }
}
