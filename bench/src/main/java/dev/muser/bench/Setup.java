package dev.muser.bench;

import dev.muser.client.ClientOptions;
import dev.muser.client.RemoteDevice;
import java.nio.file.Path;
import java.time.Duration;

/** The two processes that are talked to, for one policy. */
final class Setup implements AutoCloseable {
    private final Policy policy;
    private final Path device;
    private final Path echo;
    private final ChildJvm server;
    private final ChildJvm echoServer;

    Setup(Path folder, Policy policy, int serverCpu) {
        this.policy = policy;
        device = folder.resolve(policy.id());
        echo = folder.resolve(policy.id() + "-echo");
        var cpu = Integer.toString(serverCpu);
        server = ChildJvm.startReady(ServerUnderTest.class, device.toString(), policy.id(), cpu);
        try {
            echoServer = ChildJvm.startReady(EchoServer.class, echo.toString(), policy.id(), cpu);
        } catch (RuntimeException e) {
            server.close();
            throw e;
        }
    }

    Policy policy() {
        return policy;
    }

    RemoteDevice device() {
        return RemoteDevice.connect(device, options());
    }

    /** One whose writes are not replied to. */
    RemoteDevice postingDevice() {
        return RemoteDevice.connect(device, options().withPostedWrites(true));
    }

    private ClientOptions options() {
        return ClientOptions.DEFAULTS
                .withWaiting(policy.client())
                .withTimeout(Duration.ofSeconds(10));
    }

    RawDevice rawDevice() {
        return RawDevice.connect(device, policy);
    }

    RawConnection echo() {
        return RawConnection.connectLarge(echo, policy);
    }

    /** Asks the server's process for a number: {@link ServerUnderTest}. */
    long askServer(String question) {
        return Long.parseLong(server.ask(question));
    }

    @Override
    public void close() {
        server.close();
        echoServer.close();
    }
}
