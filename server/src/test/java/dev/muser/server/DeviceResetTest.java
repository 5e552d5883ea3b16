package dev.muser.server;

import static org.assertj.core.api.Assertions.assertThat;

import dev.muser.device.VfioException;
import dev.muser.linux.Errno;
import org.junit.jupiter.api.Test;

final class DeviceResetTest extends ServerTest {
    @Test
    void shouldResetTheDevice() {
        negotiated().ask(RawClient.RESET, new byte[0]).succeeded(0);
        assertThat(device.calls).containsExactly("attach", "reset");
    }

    @Test
    void shouldTolerateAPayload() {
        negotiated().ask(RawClient.RESET, new byte[8]).succeeded(0);
        assertThat(device.calls).containsExactly("attach", "reset");
    }

    @Test
    void shouldPassTheDevicesErrnoOn() {
        device.failOn("reset", new VfioException(Errno.EINVAL, "cannot"));
        var client = negotiated();
        client.ask(RawClient.RESET, new byte[0]).failed(Errno.EINVAL);
        client.expectServed();
    }
}
