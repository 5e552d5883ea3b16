package dev.muser.server;

import dev.muser.device.ClientKind;
import dev.muser.linux.MessageSender;
import dev.muser.protocol.Capabilities;

/**
 * What server and client agreed on.
 *
 * @param maxTransfer most data bytes in a message
 * @param clientDescriptors how many descriptors the client takes with one message
 * @param writeMultiple whether it may send {@code REGION_WRITE_MULTI}
 * @param twinSocket whether it has a second socket for what the server sends
 */
record Limits(int maxTransfer, int clientDescriptors, boolean writeMultiple, boolean twinSocket) {

    static Limits of(Capabilities agreed, Capabilities proposed) {
        return new Limits(
                (int) agreed.maxDataXferSize(),
                Math.min(proposed.maxMsgFds(), MessageSender.MAX_DESCRIPTORS),
                agreed.writeMultiple(),
                agreed.hasTwinSocket());
    }

    /**
     * What kind of client says so: virtual machine monitors tell what they take for migration, and
     * QEMU proposes 0.0.
     */
    static ClientKind kind(int minor, Capabilities proposed) {
        return proposed.migration() != null || minor == 0
                ? ClientKind.VIRTUAL_MACHINE
                : ClientKind.DRIVER;
    }
}
