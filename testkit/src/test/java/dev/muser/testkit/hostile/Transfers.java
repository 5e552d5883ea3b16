package dev.muser.testkit.hostile;

import java.util.concurrent.locks.LockSupport;

/** How a client has a {@link Puppet} do DMA. */
final class Transfers {
    private Transfers() {}

    /** Has it begin; the reply comes before any message that the transfer takes. */
    @SuppressWarnings("EnumOrdinal") // as Puppet
    static void start(HostileClient client, Puppet.Order order, long iova, long length) {
        client.ask(
                        Requests.REGION_WRITE,
                        Requests.regionWrite(
                                0, Puppet.IOVA, Bytes.of().u64(iova).u32(length).get()))
                .succeeded(16);
        order(client, order);
    }

    @SuppressWarnings("EnumOrdinal") // as Puppet
    static void order(HostileClient client, Puppet.Order order) {
        client.ask(
                        Requests.REGION_WRITE,
                        Requests.regionWrite(
                                0, Puppet.COMMAND, Bytes.of().u32(order.ordinal()).get()))
                .succeeded(16);
    }

    /** Returns its errno, or {@link Puppet#PENDING}. */
    static long peek(HostileClient client) {
        return client.ask(Requests.REGION_READ, Requests.regionRead(0, Puppet.RESULT, 4))
                .succeeded(20)
                .u32(16);
    }

    /** Waits for its end and returns its errno. */
    static int result(HostileClient client) {
        long result = peek(client);
        while (result == Puppet.PENDING) {
            LockSupport.parkNanos(100_000);
            result = peek(client);
        }
        return (int) result;
    }

    /** Has it do a transfer of memory that needs no message, and returns its errno. */
    static int run(HostileClient client, Puppet.Order order, long iova, long length) {
        start(client, order, iova, length);
        return result(client);
    }
}
