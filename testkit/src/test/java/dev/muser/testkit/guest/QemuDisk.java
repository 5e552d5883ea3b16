package dev.muser.testkit.guest;

import java.nio.file.Path;
import java.util.List;

/** The NVMe disk that QEMU emulates itself: the reference. */
record QemuDisk(String serial, List<Path> images) implements DiskUnderTest {

    @Override
    public DiskUnderTest startAnother(String serial, Path... images) {
        return new QemuDisk(serial, List.of(images));
    }

    @Override
    public boolean isMuser() {
        return false;
    }

    @Override
    public void addTo(GuestVmBuilder guest) {
        guest.qemu("-device", "nvme-subsys,id=subsystem");
        guest.qemu("-device", "nvme,subsys=subsystem,serial=" + serial);
        for (int i = 0; i < images.size(); i++) {
            USER.give(images.get(i));
            guest.qemu(
                    "-drive",
                    "if=none,format=raw,discard=unmap,id=image%d,file=%s"
                            .formatted(i, images.get(i)));
            guest.qemu("-device", "nvme-ns,drive=image%d,nsid=%d".formatted(i, i + 1));
        }
    }

    @Override
    public void addNamespace(int nsid, Path image) {
        throw new UnsupportedOperationException("QEMU adds none while it runs");
    }

    @Override
    public void removeNamespace(int nsid) {
        throw new UnsupportedOperationException("QEMU removes none while it runs");
    }

    @Override
    public void close() {}
}
