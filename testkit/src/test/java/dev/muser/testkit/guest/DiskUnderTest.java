package dev.muser.testkit.guest;

import java.nio.file.Path;
import java.util.List;

/**
 * An NVMe disk for guests, one namespace an image file. The tests are about Muser's; what they ask
 * for QEMU's own disk gives too, so that {@code MUSER_TEST_DISK=qemu} tells whether a failure is
 * ours.
 */
interface DiskUnderTest extends AutoCloseable {
    RunAs USER = RunAs.ordinaryUser();

    /**
     * Puts a disk into service.
     *
     * @param images namespaces 1, 2, ...
     */
    static DiskUnderTest start(String serial, Path... images) {
        return "qemu".equals(System.getenv("MUSER_TEST_DISK"))
                ? new QemuDisk(serial, List.of(images))
                : MuserDisk.start(serial, List.of(images));
    }

    /** Puts another disk into service, of the same process and the same thread. */
    DiskUnderTest startAnother(String serial, Path... images);

    /** Whether it is Muser's, which does more than QEMU's: an error log, namespaces that come. */
    boolean isMuser();

    /** Gives it to a guest that is about to start; to one at a time. */
    void addTo(GuestVmBuilder guest);

    /** As an operator would, adds a namespace while guests run. */
    void addNamespace(int nsid, Path image);

    /** As an operator would, takes a namespace away while guests run. */
    void removeNamespace(int nsid);

    @Override
    void close();
}
