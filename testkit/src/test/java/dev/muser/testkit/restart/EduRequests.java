package dev.muser.testkit.restart;

import dev.muser.device.Irq;
import dev.muser.device.IrqAction;
import dev.muser.device.Region;
import java.util.ArrayDeque;
import java.util.Queue;
import java.util.Random;

/** What a driver of an edu does, between requests that no driver would make. */
final class EduRequests implements RequestGenerator {
    private static final long BUFFER = 0x40000;
    private static final int INTERRUPT = 4;
    private static final int TO_RAM = 2;
    private static final int RUN = 1;

    private final RequestGenerator others =
            new VfioRequests(0, 1, 3, 5, 7, 0x80, 0x81, 12, BUFFER, BUFFER + 0x10, 0x40, 0xff);

    private final Queue<Request> due = new ArrayDeque<>();

    @Override
    public Request next(Random random, DeviceView device) {
        if (!due.isEmpty() && random.nextInt(4) != 0) {
            return due.remove();
        }
        if (due.isEmpty() && random.nextInt(6) == 0) {
            transfer(random, device);
        }
        return others.next(random, device);
    }

    private void transfer(Random random, DeviceView device) {
        int length = 1 + random.nextInt(256);
        long in = BUFFER + random.nextInt(1024);
        long at = device.memoryAt() + random.nextLong(device.memory().byteSize() - length);
        boolean toRam = random.nextBoolean();
        due.add(Request.write(Region.BAR0, 0x80, 8, toRam ? in : at));
        due.add(Request.write(Region.BAR0, 0x88, 8, toRam ? at : in));
        due.add(Request.write(Region.BAR0, 0x90, 8, length));
        due.add(Request.write(Region.BAR0, 0x98, 8, RUN | INTERRUPT | (toRam ? TO_RAM : 0)));
        due.add(new Request.Settle());
        due.add(Request.write(Region.BAR0, 0x64, 4, 0x1ff)); // acknowledges
        due.add(new Request.SetIrqs(Irq.INTX, IrqAction.UNMASK, 0, 1));
    }
}
