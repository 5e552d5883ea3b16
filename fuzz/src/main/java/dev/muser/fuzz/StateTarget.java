package dev.muser.fuzz;

import dev.muser.device.pci.PciDevice;
import dev.muser.device.state.DeviceHome;
import dev.muser.device.state.StateMismatchException;
import dev.muser.device.state.StateSegment;
import dev.muser.devices.edu.Edu;
import dev.muser.linux.Fd;
import dev.muser.linux.FileStatus;
import dev.muser.linux.Mapping;
import dev.muser.linux.MemoryFile;
import dev.muser.service.LocalStore;
import dev.muser.testkit.restart.CheckLoop;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * The state that a device's process has left, damaged: it is refused with a reason, or taken. The
 * bytes say what is stored where, and how much is cut off.
 */
final class StateTarget implements Target {
    private static final String LABEL = "fuzzed";

    private final CheckLoop loop = new CheckLoop(() -> {});
    private final byte[] sound = sound();
    private final Resources resources = new Resources();

    private static byte[] sound() {
        var loop = new CheckLoop(() -> {});
        try (var segment = StateSegment.create(LABEL)) {
            var home = new DeviceHome(segment, new LocalStore());
            var device = PciDevice.create(Edu::new, loop, home);
            segment.ready();
            segment.commit();
            byte[] bytes;
            try (var all =
                    Mapping.confined(
                            segment.fd(),
                            0,
                            FileStatus.of(segment.fd()).size(),
                            Mapping.Access.READ)) {
                bytes = all.segment().toArray(ValueLayout.JAVA_BYTE);
            }
            device.abandon();
            return bytes;
        }
    }

    @Override
    public void run(Input input) {
        int cut = input.u8();
        long size = (cut & 0x80) == 0 ? sound.length : sound.length - ((cut & 0x7f) << 9);
        try (var fd = MemoryFile.create("muser-fuzz", Math.max(size, 1))) {
            damage(fd, (int) Math.max(size, 1), input);
            if ((cut & 1) == 0) {
                MemoryFile.seal(fd, MemoryFile.SEAL_SHRINK);
            }
            look(fd);
            open(fd.duplicate());
        }
        resources.check();
    }

    private void damage(Fd fd, int size, Input input) {
        try (var all = Mapping.confined(fd, 0, size, Mapping.Access.READ_WRITE)) {
            var memory = all.segment();
            MemorySegment.copy(sound, 0, memory, ValueLayout.JAVA_BYTE, 0, size);
            while (!input.isEmpty()) {
                int at = input.u16();
                int length = 1 + (at >> 13);
                // mostly in the first page, where it says what is where
                long offset = (at & 0x1000) != 0 ? input.u32() & 0x7fff_ffffL : at & 0xfff;
                byte[] bytes = input.take(length);
                if (offset <= size - bytes.length) {
                    MemorySegment.copy(
                            bytes, 0, memory, ValueLayout.JAVA_BYTE, offset, bytes.length);
                }
            }
        }
    }

    private static void look(Fd fd) {
        var own = fd.duplicate();
        try {
            var segment = StateSegment.look(own, LABEL);
            if (segment != null) {
                segment.close();
            }
        } catch (StateMismatchException e) {
            // as it should
        } finally {
            own.close();
        }
    }

    private void open(Fd fd) {
        StateSegment segment;
        try {
            segment = StateSegment.open(fd, LABEL);
        } catch (StateMismatchException e) {
            fd.close();
            return;
        }
        if (segment == null) {
            fd.close();
            return;
        }
        try (segment) {
            PciDevice.check(Edu::new, loop, segment);
        } catch (StateMismatchException e) {
            // as it should
        }
    }
}
