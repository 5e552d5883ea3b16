package dev.muser.devices.storage;

import static org.assertj.core.api.Assertions.assertThat;

import dev.muser.linux.Errno;
import dev.muser.linux.MemoryFile;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What becomes of results that no file here can be made to give: full disks, failing ones. */
class FileStepsTest {
    private static final int SIZE = 1 << 20;

    private final Arena arena = Arena.ofAuto();
    private final Transfer transfer = new Transfer(0);
    private OpenedImage image = image(false);
    private FileSteps steps = new FileSteps(image);

    private static OpenedImage image(boolean blockDevice) {
        return new OpenedImage(
                Path.of("steps-image"),
                MemoryFile.create("steps", SIZE),
                new StorageInfo(SIZE, 1, false, true, true, true),
                blockDevice,
                1,
                true);
    }

    @BeforeEach
    @AfterEach
    void close() {
        image.close();
    }

    private void begin(TestRequest request) {
        assertThat(steps.refuse(request)).isEqualTo(FileSteps.MORE);
        transfer.use(request);
        assertThat(steps.first(transfer)).isEqualTo(FileSteps.MORE);
    }

    private void onBlockDevice() {
        image = image(true);
        steps = new FileSteps(image);
        image.close();
    }

    @Test
    void shouldPassWhatTheSystemSays() {
        for (int errno : new int[] {Errno.ENOSPC, Errno.EIO, Errno.EROFS, Errno.EFAULT}) {
            begin(new TestRequest(StorageOperation.WRITE, 0, arena.allocate(4096)));
            assertThat(steps.next(transfer, -errno)).isEqualTo(errno);
            begin(TestRequest.flush());
            assertThat(steps.next(transfer, -errno)).isEqualTo(errno);
            begin(TestRequest.range(StorageOperation.ZERO, 0, 4096, true));
            assertThat(steps.next(transfer, -errno)).isEqualTo(errno);
            begin(TestRequest.range(StorageOperation.DISCARD, 0, 4096, true));
            assertThat(steps.next(transfer, -errno)).isEqualTo(errno);
        }
    }

    @Test
    void shouldContinueWhatIsShort() {
        var first = arena.allocate(4096);
        var second = arena.allocate(4096);
        begin(new TestRequest(StorageOperation.WRITE, 512, first, second));
        assertThat(transfer.vector.count()).isEqualTo(2);
        assertThat(transfer.length).isEqualTo(8192);
        assertThat(steps.next(transfer, 100)).isEqualTo(FileSteps.MORE);
        assertThat(transfer.position).isEqualTo(612);
        assertThat(transfer.length).isEqualTo(8092);
        assertThat(transfer.address).isEqualTo(first.address() + 100);
        assertThat(steps.next(transfer, 5000)).isEqualTo(FileSteps.MORE);
        assertThat(transfer.vector.count()).isEqualTo(1);
        assertThat(transfer.address).isEqualTo(second.address() + 1004);
        assertThat(steps.next(transfer, -Errno.EINTR)).isEqualTo(FileSteps.MORE);
        assertThat(transfer.address).isEqualTo(second.address() + 1004);
        assertThat(steps.next(transfer, 3092)).isZero();
    }

    @Test
    void shouldNotTryForEver() {
        begin(new TestRequest(StorageOperation.READ, 0, arena.allocate(4096)));
        int tries = 0;
        int errno = FileSteps.MORE;
        while (errno == FileSteps.MORE) {
            assertThat(tries++).isLessThan(100_000);
            errno = steps.next(transfer, -Errno.EAGAIN);
        }
        assertThat(errno).isEqualTo(Errno.EAGAIN);
        begin(new TestRequest(StorageOperation.READ, 0, arena.allocate(4096)));
        assertThat(steps.next(transfer, 0)).isEqualTo(Errno.EIO);
    }

    @Test
    void shouldDoOtherwiseWhatTheFileSystemCannot() {
        begin(TestRequest.durableZero(0, SIZE));
        assertThat(transfer.call).isEqualTo(Transfer.Call.ALLOCATE);
        assertThat(steps.next(transfer, -Errno.EOPNOTSUPP)).isEqualTo(FileSteps.MORE);
        assertThat(transfer.call).isEqualTo(Transfer.Call.ALLOCATE);
        assertThat(steps.next(transfer, -Errno.EOPNOTSUPP)).isEqualTo(FileSteps.MORE);
        assertThat(transfer.call).isEqualTo(Transfer.Call.WRITE);
        assertThat(transfer.flags).isNotZero();
        assertThat(transfer.length).isEqualTo(SIZE);
        assertThat(steps.next(transfer, SIZE)).isZero();
        // and remembers it
        begin(TestRequest.durableZero(0, SIZE));
        assertThat(transfer.call).isEqualTo(Transfer.Call.WRITE);
        begin(TestRequest.range(StorageOperation.DISCARD, 0, SIZE, true));
        assertThat(steps.next(transfer, -Errno.EOPNOTSUPP)).isZero();
        assertThat(steps.refuse(TestRequest.range(StorageOperation.DISCARD, 0, SIZE, true)))
                .isZero();
    }

    @Test
    void shouldGoOnWritingZerosOfARangeThatNothingElseMakes() {
        begin(TestRequest.range(StorageOperation.ZERO, 0, SIZE, true));
        assertThat(steps.next(transfer, -Errno.EINVAL)).isEqualTo(FileSteps.MORE);
        assertThat(steps.next(transfer, -Errno.EINVAL)).isEqualTo(FileSteps.MORE);
        assertThat(transfer.call).isEqualTo(Transfer.Call.WRITE);
        assertThat(steps.next(transfer, 4096)).isEqualTo(FileSteps.MORE);
        assertThat(transfer.call).isEqualTo(Transfer.Call.WRITE);
        assertThat(transfer.position).isEqualTo(4096);
        assertThat(steps.next(transfer, SIZE - 4096)).isZero();
        // other ranges may be otherwise
        begin(TestRequest.range(StorageOperation.ZERO, 0, SIZE, true));
        assertThat(transfer.call).isEqualTo(Transfer.Call.ALLOCATE);
    }

    @Test
    void shouldMakeHolesWhereADeviceDoesNotDiscard() {
        onBlockDevice();
        begin(TestRequest.range(StorageOperation.DISCARD, 512, 512, true));
        assertThat(transfer.call).isEqualTo(Transfer.Call.DISCARD);
        assertThat(steps.next(transfer, -Errno.EINVAL)).isEqualTo(FileSteps.MORE);
        assertThat(transfer.call).isEqualTo(Transfer.Call.ALLOCATE);
        assertThat(transfer.position).isEqualTo(512);
        assertThat(transfer.length).isEqualTo(512);
        assertThat(steps.next(transfer, 0)).isZero();
    }

    @Test
    void shouldSyncZerosThatMustBeDurable() {
        begin(TestRequest.durableZero(0, SIZE));
        assertThat(steps.next(transfer, 0)).isEqualTo(FileSteps.MORE);
        assertThat(transfer.call).isEqualTo(Transfer.Call.SYNC);
        assertThat(steps.next(transfer, 0)).isZero();
    }
}
