package dev.muser.devices.storage.nbd;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.muser.devices.storage.StorageException;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The table of "NBD URI export name", and what is around it. */
final class NbdUriTest {

    @ParameterizedTest
    @CsvSource({
        "nbd://example.com/disk, disk",
        "nbd+unix:///disk?socket=sock, disk",
        "nbd://example.com/, ''",
        "nbd://example.com, ''",
        "nbd://example.com//disk, /disk",
        "nbd://example.com/hello%20world, hello world",
        "nbd+unix:///?socket=sock, ''",
    })
    void shouldFindTheExport(String text, String export) {
        assertThat(NbdUri.parse(text).export()).isEqualTo(export);
    }

    @Test
    void shouldFindWhereTheServerIs() {
        var tcp = NbdUri.parse("nbd://[::1]:99/a");
        assertThat(tcp.host()).isEqualTo("[::1]");
        assertThat(tcp.port()).isEqualTo(99);
        assertThat(NbdUri.parse("nbd://h").port()).isEqualTo(10_809);
        assertThat(NbdUri.parse("nbd+unix:///?socket=/run/a+b%20c").socket())
                .isEqualTo(Path.of("/run/a+b c"));
    }

    @ParameterizedTest
    @CsvSource({
        "disk.img, must begin with nbd://",
        "http://h/, must begin with nbd://",
        "nbd:unix:/a, must begin with nbd://",
        "nbds://h/, TLS is not supported",
        "nbds+unix:///?socket=a, TLS is not supported",
        "nbd:///a, a host is missing",
        "nbd://h/a?tls-type=x509, ?tls-type=x509 is not known",
        "nbd://h:70000/, port 70000",
        "nbd+unix:///a, ?socket=PATH is missing",
        "nbd+unix:///a?socket=, ?socket=PATH is missing",
        "nbd+unix:///a?socket=b&socket=c, ?socket=c is not known",
        "nbd+unix://h/a?socket=b, has no host",
        "nbd+unix:///?socket=%00abstract, abstract",
        "nbd://h/a%00b, NUL",
        "nbd://h/a#b, fragment",
        "nbd://h/a b, Illegal character",
    })
    void shouldRefuseWhatIsNoAddress(String text, String what) {
        assertThatThrownBy(() -> NbdUri.parse(text))
                .isInstanceOf(StorageException.class)
                .hasMessageStartingWith("NBD address " + text + ": ")
                .hasMessageContaining(what);
    }

    @Test
    void shouldRefuseANameThatIsTooLong() {
        var name = "x".repeat(4097);
        assertThatThrownBy(() -> NbdUri.parse("nbd://h/" + name))
                .isInstanceOf(StorageException.class)
                .hasMessageContaining("4097 bytes");
    }
}
