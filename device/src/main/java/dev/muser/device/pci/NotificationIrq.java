package dev.muser.device.pci;

import dev.muser.device.EventLoop;
import dev.muser.device.IrqInfo;

/**
 * ERR or REQ: an eventfd that tells the client of something outside of PCI. It has no state: what
 * is signalled in a transaction that a process does not live to end is signalled again.
 */
final class NotificationIrq extends IrqIndex {

    NotificationIrq(String name, boolean present, EventLoop loop) {
        super(name, new IrqInfo(present ? 1 : 0, true, false, false, false), loop);
    }

    @Override
    void mask(int vector) {}

    @Override
    void unmask(int vector) {}

    @Override
    void installed(int vector) {}

    @Override
    void forget() {}
}
