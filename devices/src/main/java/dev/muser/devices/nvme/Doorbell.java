package dev.muser.devices.nvme;

import dev.muser.device.ClientKind;

/** How a controller hears of work. */
public enum Doorbell {
    /** Clients may map the doorbells; they are polled while there are queues. */
    MAPPED,

    /** By messages, and by the driver's own memory where it has some: idle costs nothing. */
    MESSAGES,

    /** Mapped for user-space drivers, by messages for virtual machines. */
    AUTO;

    /** Whether such a client may map the doorbells. */
    boolean mappableFor(ClientKind kind) {
        return switch (this) {
            case MAPPED -> true;
            case MESSAGES -> false;
            case AUTO -> kind != ClientKind.VIRTUAL_MACHINE;
        };
    }
}
