package dev.muser.linux;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(DescriptorLeaks.class)
class PidFdTest {
    private static final Duration LONG = Duration.ofSeconds(30);

    private static Process sleep() throws IOException {
        return new ProcessBuilder("sleep", "1000")
                .redirectInput(ProcessBuilder.Redirect.from(new File("/dev/null")))
                .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                .redirectError(ProcessBuilder.Redirect.DISCARD)
                .start();
    }

    @Test
    void shouldKillAndNoticeTheEnd() throws Exception {
        var child = sleep();
        try (var process = PidFd.open(child.pid())) {
            assertThat(process.awaitExit(Duration.ZERO)).isFalse();
            process.signal(PidFd.SIGKILL);
            assertThat(process.awaitExit(LONG)).isTrue();
            assertThat(child.waitFor()).isEqualTo(128 + PidFd.SIGKILL);
            assertThatExceptionOfType(SyscallException.class)
                    .isThrownBy(() -> process.signal(PidFd.SIGTERM))
                    .returns(Errno.ESRCH, SyscallException::errno);
        } finally {
            child.destroyForcibly();
        }
    }

    @Test
    void shouldReportThatThereIsNoSuchProcess() {
        assertThatExceptionOfType(SyscallException.class)
                .isThrownBy(() -> PidFd.open(Integer.MAX_VALUE))
                .returns(Errno.ESRCH, SyscallException::errno)
                .withMessageContaining(Integer.toString(Integer.MAX_VALUE));
    }

    @Test
    void shouldDuplicateDescriptorsOfAnotherProcess() throws Exception {
        var child = sleep();
        try (var process = PidFd.open(child.pid())) {
            try (var input = process.descriptor(0)) {
                assertThat(Files.readSymbolicLink(Path.of("/proc/self/fd/" + input.number())))
                        .hasToString("/dev/null");
            }
            assertThatExceptionOfType(SyscallException.class)
                    .isThrownBy(() -> process.descriptor(900))
                    .returns(Errno.EBADF, SyscallException::errno);
        } finally {
            child.destroyForcibly().waitFor();
        }
    }

    @Test
    void shouldDuplicateDescriptorsOfThisProcess() {
        try (var self = PidFd.open(ProcessHandle.current().pid());
                var event = EventFd.create();
                var copy = self.descriptor(event.number())) {
            EventFd.signal(event);
            assertThat(EventFd.take(copy)).isEqualTo(1);
        }
    }
}
