package dev.muser.devices.storage.nbd;

import dev.muser.device.EventLoop;
import dev.muser.devices.storage.Storage;
import dev.muser.devices.storage.StorageException;
import dev.muser.devices.storage.StorageInfo;
import dev.muser.devices.storage.StorageRequest;
import dev.muser.linux.Errno;
import java.lang.System.Logger.Level;
import java.util.OptionalInt;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/**
 * An export of an NBD server, over TCP or a UNIX socket: {@code qemu-nbd}, {@code nbdkit}, {@code
 * nbd-server}. Without TLS.
 *
 * <p><b>Several connections</b> are used when the server says that it can (CAN_MULTI_CONN), each
 * with two threads of its own. The loop's thread copies data from and to the client, and never
 * waits for the server.
 *
 * <p><b>A lost connection</b> is made anew, at first after 100 ms and then less and less often.
 * Requests that were under way on it are sent again, over another connection or when one is back;
 * with none for {@link NbdOptions#reconnectTime} they fail with EIO, and so do new ones until the
 * server is back. All fail for good when the export that comes back is smaller, read-only, or
 * otherwise less than it was.
 *
 * <p><b>What a flush can promise.</b> A flush makes durable what the server completed before. A
 * server that dies with its machine can lose writes that it had completed and that no flush had
 * covered, and a flush after its return does not bring them back or tell of them; a server that is
 * merely restarted on a running machine loses nothing that it had handed to its kernel. QEMU and
 * Linux do the same: a guest must trust no write before its flush, but on this disk it is not told
 * when that trust would have been misplaced. A server that is still working on what came over the
 * old connection may do so after the same request came again: another hazard that is the protocol's
 * own.
 */
public final class NbdStorage implements Storage {
    private static final System.Logger LOG = System.getLogger("dev.muser.devices.storage");

    /** What waits for the connecting thread beyond its own limit: it ends by itself. */
    private static final long GRACE_SECONDS = 1;

    private final NbdLinks links;
    private final StorageInfo info;
    private final NbdTransfers transfers;

    private NbdStorage(NbdLinks links, NbdExport export) {
        this.links = links;
        boolean readOnly = export.has(NbdProtocol.READ_ONLY);
        info =
                new StorageInfo(
                        export.size() & -export.minimumBlock(),
                        export.minimumBlock(),
                        readOnly,
                        export.has(NbdProtocol.SEND_FLUSH),
                        export.has(NbdProtocol.SEND_TRIM) && !readOnly,
                        false);
        transfers = new NbdTransfers(links, export);
    }

    /**
     * Connects. Waits for the server, for as long as the options say.
     *
     * @param uri {@code nbd://host:port/export} or {@code nbd+unix:///export?socket=/path}
     * @throws StorageException when there is no such server or export, or the address is none
     */
    public static NbdStorage open(String uri, NbdOptions options) {
        var links = new NbdLinks(NbdUri.parse(uri), options, NbdTransfers.MAX_COMMANDS);
        try {
            return connect(links, options);
        } catch (StorageException e) {
            links.close();
            throw e;
        }
    }

    /**
     * Returns the TCP port that {@link #open} connects to; empty for a UNIX socket.
     *
     * @throws StorageException when the address is none
     */
    public static OptionalInt port(String uri) {
        var parsed = NbdUri.parse(uri);
        return parsed.socket() == null ? OptionalInt.of(parsed.port()) : OptionalInt.empty();
    }

    private static NbdStorage connect(NbdLinks links, NbdOptions options) {
        var first = links.connection(0);
        first.start(0);
        NbdExport export;
        try {
            export =
                    first.opened.get(
                            options.connectTime().toMillis()
                                    + TimeUnit.SECONDS.toMillis(GRACE_SECONDS),
                            TimeUnit.MILLISECONDS);
        } catch (ExecutionException e) {
            var cause = e.getCause();
            throw refused(links, String.valueOf((cause == null ? e : cause).getMessage()));
        } catch (TimeoutException e) { // it looks a host name up
            throw refused(links, "no answer within " + NbdHealth.words(options.connectTime()));
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw refused(links, "interrupted");
        }
        if (export.has(NbdProtocol.CAN_MULTI_CONN)) {
            for (int i = 1; i < options.connections(); i++) {
                startAnother(links, i);
            }
        }
        return new NbdStorage(links, export);
    }

    /** It need not succeed: then there is one fewer. */
    private static void startAnother(NbdLinks links, int number) {
        var another = links.connection(number);
        var _ =
                another.opened.whenComplete((export, e) -> {
                    if (e != null && !links.isClosing()) {
                        LOG.log(
                                Level.WARNING,
                                "NBD {0}: one connection fewer than asked for: {1}",
                                links.uri().text(),
                                e.getMessage());
                    }
                });
        another.start(number);
    }

    private static StorageException refused(NbdLinks links, String why) {
        return new StorageException("NBD %s: %s".formatted(links.uri().text(), why));
    }

    @Override
    public StorageInfo info() {
        return info;
    }

    @Override
    public void start(EventLoop loop) {
        transfers.start(loop);
    }

    @Override
    public void submit(StorageRequest request) {
        switch (request.operation()) {
            case READ, FLUSH -> transfers.submit(request);
            case WRITE, DISCARD, ZERO -> {
                if (info.readOnly()) {
                    request.complete(Errno.EROFS);
                } else {
                    transfers.submit(request);
                }
            }
        }
    }

    @Override
    public boolean poll() {
        return transfers.poll();
    }

    @Override
    public void polling(boolean on) {
        transfers.polling(on);
    }

    /**
     * {@inheritDoc}
     *
     * <p>All requests complete with ECANCELED. What the server has of them is waited for before any
     * new request is sent, so that no write of then comes after a write of later.
     */
    @Override
    public void cancel() {
        transfers.cancel();
    }

    /** The protocol has no locks. */
    @Override
    public Sharing sharing() {
        return info.readOnly() ? Sharing.NOBODY : Sharing.UNTOLD;
    }

    @Override
    public void close() {
        transfers.close();
        links.close();
    }
}
