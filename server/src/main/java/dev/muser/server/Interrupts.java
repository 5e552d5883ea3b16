package dev.muser.server;

import dev.muser.device.IrqAction;
import dev.muser.device.VfioDevice;
import dev.muser.protocol.SetIrqs;
import java.lang.foreign.MemorySegment;

/** DEVICE_SET_IRQS. */
final class Interrupts {
    private final VfioDevice device;
    private final Replies replies;
    private final SetIrqs request = new SetIrqs();
    private final int[] vectors;

    Interrupts(VfioDevice device, Replies replies) {
        this.device = device;
        this.replies = replies;
        vectors = new int[device.info().irqs()];
        for (int i = 0; i < vectors.length; i++) {
            vectors[i] = device.irqInfo(i).count();
        }
    }

    /** Hot, without descriptors and selection. */
    void set(MemorySegment buffer, int start, int length, Requests requests) {
        request.wrap(buffer, start, length);
        int fds = requests.descriptorCount();
        int errno = request.validateRequest(vectors, fds);
        if (errno != 0) {
            replies.error(errno);
            return;
        }
        int index = request.index();
        var action = action(request.action());
        switch (request.dataType()) {
            case SetIrqs.DATA_NONE -> {
                if (request.count() == 0) {
                    device.disableIrqs(index);
                } else {
                    device.setIrqs(index, action, request.start(), request.count());
                }
            }
            case SetIrqs.DATA_BOOL -> {
                var selected = new boolean[request.count()];
                for (int i = 0; i < selected.length; i++) {
                    selected[i] = request.bool(i);
                }
                device.setIrqs(index, action, request.start(), selected);
            }
            default -> {
                if (fds == 0) {
                    device.clearIrqEventFds(index, action, request.start(), request.count());
                } else {
                    device.setIrqEventFds(
                            index, action, request.start(), requests.takeDescriptors());
                }
            }
        }
        replies.done();
    }

    private static IrqAction action(int bit) {
        return switch (bit) {
            case SetIrqs.ACTION_MASK -> IrqAction.MASK;
            case SetIrqs.ACTION_UNMASK -> IrqAction.UNMASK;
            default -> IrqAction.TRIGGER;
        };
    }
}
