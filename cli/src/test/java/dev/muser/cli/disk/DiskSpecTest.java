package dev.muser.cli.disk;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.muser.cli.UserError;
import dev.muser.devices.nvme.NamespaceOptions;
import dev.muser.devices.storage.ImageFiles;
import dev.muser.service.DescriptorStore;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DiskSpecTest {
    @TempDir private Path folder = Path.of("");

    private static void refused(String text, String message) {
        assertThatThrownBy(() -> DiskSpec.ofText(text))
                .isInstanceOf(UserError.class)
                .hasMessageContaining(message);
    }

    private static void refusedToOpen(String text, String message) {
        var spec = DiskSpec.ofText(text);
        assertThatThrownBy(() -> spec.open("owner", DescriptorStore.NONE, ImageFiles.OWN, false))
                .isInstanceOf(UserError.class)
                .hasMessageContaining(message);
    }

    private static NamespaceOptions opened(String text) {
        var options =
                DiskSpec.ofText(text).open("owner", DescriptorStore.NONE, ImageFiles.OWN, false);
        options.storage().close();
        return options;
    }

    private Path image(String name, long size) throws IOException {
        var path = folder.resolve(name);
        try (var file = new RandomAccessFile(path.toFile(), "rw")) {
            file.setLength(size);
        }
        return path;
    }

    @Test
    void shouldWantExactlyOnePlaceForTheBytes() {
        refused("read-only", "say where the disk's bytes are, by one of");
        refused("memory=1M,null=1M", ", not by several");
    }

    @Test
    void shouldRefuseValuesThatMakeNoSense() {
        refused("memory=1X", "memory: '1X' is not a size such as 512M or 10G");
        refused("memory=0", "memory: '0' is not a size");
        refused("memory=-1", "memory: '-1' is not a size");
        refused("memory=99999999999T", "memory: '99999999999T' is more than a disk has");
        refused("memory=1M,block-size=1024", "block-size: '1024' is not 512 or 4096");
        refused("memory=1M,iops=0", "iops: '0' is not a number of at least 1");
        refused("memory=1M,iops=5:", "iops: '' is not a number of at least 1");
        refused("memory=1M,bandwidth=fast", "bandwidth: 'fast' is not a size");
        refused("memory=1M,uuid=1-2-3-4-5", "uuid: '1-2-3-4-5' is not a UUID");
        refused("file=x,engine=magic", "engine: 'magic' is none of auto, uring, threads");
        refused("file=x,threads=65", "threads: '65' is not a number from 1 to 64");
        refused("file=", "file: '' is not a path");
        refused("nbd=nbd://h,connections=0", "connections: '0' is not a number from 1 to 64");
        refused("nbd=nbd://h,patience=long", "patience: 'long' is not a duration such as");
    }

    @Test
    void shouldRefuseWhatDoesNotGoWithThePlace() {
        refused("memory=1M,direct", "direct goes with --file, not with --memory");
        refused("file=x,connections=2", "connections goes with --nbd, not with --file");
        refused("nbd=nbd://h,size=1G", "size goes with --file, not with --nbd");
    }

    @Test
    void shouldOpenWhatWasSaid() {
        var options =
                opened(
                        "memory=1M,block-size=4096,read-only,detached,iops=10,"
                                + "uuid=6fa459ea-ee8a-3ca4-894e-db77e160355e");
        assertThat(options.storage().info().size()).isEqualTo(1 << 20);
        assertThat(options.blockSize()).isEqualTo(4096);
        assertThat(options.readOnly()).isTrue();
        assertThat(options.attached()).isFalse();
        assertThat(options.uuid()).hasToString("6fa459ea-ee8a-3ca4-894e-db77e160355e");
    }

    @Test
    void shouldCreateAnImageOfTheSizeThatWasAskedFor() throws IOException {
        var path = folder.resolve("new.img");
        opened("size=1G,file=" + path);
        assertThat(Files.size(path)).isEqualTo(1 << 30);
    }

    @Test
    void shouldKnowAnImageByItsPathHoweverItIsWritten() throws IOException {
        var path = image("a.img", 4096);
        var other = image("b.img", 4096);
        var uuid = opened("file=" + path).uuid();
        assertThat(opened("file=" + folder.resolve("./x/../a.img")).uuid()).isEqualTo(uuid);
        assertThat(opened("file=" + other).uuid()).isNotEqualTo(uuid);
    }

    @Test
    void shouldRefuseImagesThatAreNone() throws IOException {
        refusedToOpen("file=" + folder.resolve("no.img"), "no such image");
        refusedToOpen("file=" + folder, "is a directory");
        refusedToOpen("file=" + image("tiny.img", 100), "is too small");
        refusedToOpen("file=" + image("odd.img", 1000), "no multiple of 512");
        refusedToOpen(
                "block-size=4096,file=" + image("half.img", 4096 + 512),
                "has 4608 bytes, which is no multiple of the block size 4096");
    }

    @Test
    void shouldRefuseAnImageThatIsInUse() throws IOException {
        var text = "file=" + image("a.img", 4096);
        var first =
                DiskSpec.ofText(text).open("owner", DescriptorStore.NONE, ImageFiles.OWN, false);
        refusedToOpen(text, "is locked: another muser");
        first.storage().close();
        opened(text);
    }

    @Test
    void shouldSayWhyAnNbdServerCannotBeUsed() {
        refusedToOpen("nbd=gopher://x", "it must begin with nbd:// or nbd+unix://");
        refusedToOpen("nbd=nbd+unix:///?socket=" + folder.resolve("none"), "No such file");
    }
}
