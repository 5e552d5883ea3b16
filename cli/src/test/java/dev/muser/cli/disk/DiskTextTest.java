package dev.muser.cli.disk;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.muser.cli.UserError;
import java.util.Map;
import org.junit.jupiter.api.Test;

class DiskTextTest {
    private static void refused(String text, String message) {
        assertThatThrownBy(() -> DiskText.parse(text))
                .isInstanceOf(UserError.class)
                .hasMessage("--namespace " + text + ": " + message);
    }

    @Test
    void shouldReadKeysAndValues() {
        assertThat(DiskText.parse("file=b.img,size=10G,read-only,write-iops=5:7"))
                .isEqualTo(
                        Map.of(
                                DiskKey.FILE, "b.img",
                                DiskKey.SIZE, "10G",
                                DiskKey.READ_ONLY, "",
                                DiskKey.WRITE_IOPS, "5:7"));
    }

    @Test
    void shouldTakeADoubledCommaForOne() {
        assertThat(DiskText.parse("file=a,,b=c,,,direct"))
                .isEqualTo(Map.of(DiskKey.FILE, "a,b=c,", DiskKey.DIRECT, ""));
    }

    @Test
    void shouldReadBackWhatItWrites() {
        var values =
                Map.of(DiskKey.FILE, "/a,b,,c=d ", DiskKey.DIRECT, "", DiskKey.BLOCK_SIZE, "512");
        assertThat(DiskText.parse(DiskText.format(values))).isEqualTo(values);
    }

    @Test
    void shouldNameTheKeyThatWasMeant() {
        refused("fil=x", "there is no 'fil': did you mean file?");
        refused("file=x,readonly", "there is no 'readonly': did you mean read-only?");
        refused("zzzzzzzz=1", "there is no 'zzzzzzzz'");
    }

    @Test
    void shouldRefuseWhatIsNoList() {
        refused("", "a key is missing, as in file=disk.img,size=10G");
        refused("file=x,", "a key is missing, as in file=disk.img,size=10G");
        refused("=x", "a key is missing, as in file=disk.img,size=10G");
        refused("file", "'file' needs a value: file=IMG");
        refused("file=x,direct=yes", "'direct' takes no value");
        refused("file=x,file=y", "'file' is there twice");
    }
}
