package dev.muser.devices.storage.nbd;

import dev.muser.devices.storage.StorageException;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.net.URI;
import java.net.URISyntaxException;
import java.net.URLDecoder;
import java.net.UnixDomainSocketAddress;
import java.net.UnknownHostException;
import java.nio.charset.StandardCharsets;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * Where an export is ("NBD URI components"): {@code nbd://host:port/export} or {@code
 * nbd+unix:///export?socket=/path}.
 *
 * @param text as it was given, for messages
 * @param socket of a server on this machine; null for {@code host}
 * @param host empty for {@code socket}
 */
record NbdUri(String text, String export, @Nullable Path socket, String host, int port) {
    private static final int DEFAULT_PORT = 10809;

    /** "Where this document refers to a string, ... MUST be no longer than 4096 bytes." */
    static final int MAX_STRING = 4096;

    /**
     * @throws StorageException with what is wrong
     */
    static NbdUri parse(String text) {
        URI uri;
        try {
            uri = new URI(text);
        } catch (URISyntaxException e) {
            throw wrong(text, e.getReason());
        }
        if (uri.getScheme() == null || uri.isOpaque()) {
            throw wrong(text, "it must begin with nbd:// or nbd+unix://");
        }
        if (uri.getRawFragment() != null) {
            throw wrong(text, "it has a fragment; write # as %23");
        }
        return switch (uri.getScheme()) {
            case "nbd" -> tcp(text, uri);
            case "nbd+unix" -> unix(text, uri);
            case "nbds", "nbds+unix" ->
                    throw wrong(text, "TLS is not supported; use nbd: with a tunnel of your own");
            default -> throw wrong(text, "it must begin with nbd:// or nbd+unix://");
        };
    }

    private static NbdUri tcp(String text, URI uri) {
        if (uri.getHost() == null) {
            throw wrong(text, "a host is missing, as in nbd://localhost/export");
        }
        if (uri.getRawQuery() != null) {
            throw wrong(text, "?%s is not known here".formatted(uri.getRawQuery()));
        }
        int port = uri.getPort() == -1 ? DEFAULT_PORT : uri.getPort();
        if (port < 1 || port > 65_535) {
            throw wrong(text, "port %d is not from 1 to 65535".formatted(port));
        }
        return new NbdUri(text, export(text, uri), null, uri.getHost(), port);
    }

    private static NbdUri unix(String text, URI uri) {
        if (uri.getRawAuthority() != null) {
            throw wrong(text, "a UNIX socket has no host; write nbd+unix:/// with three slashes");
        }
        String name = null;
        var query = uri.getRawQuery() == null ? "" : uri.getRawQuery();
        for (var parameter : query.split("&", -1)) {
            if (parameter.startsWith("socket=") && name == null) {
                // + means itself in a URI's query; the decoder is one for forms.
                name =
                        URLDecoder.decode(
                                parameter.substring("socket=".length()).replace("+", "%2B"),
                                StandardCharsets.UTF_8);
            } else if (!parameter.isEmpty()) {
                throw wrong(text, "?%s is not known here".formatted(parameter));
            }
        }
        if (name == null || name.isEmpty()) {
            throw wrong(text, "?socket=PATH is missing");
        }
        if (name.charAt(0) == 0) {
            throw wrong(text, "sockets without a file (abstract ones) are not supported");
        }
        try {
            var path = Path.of(name);
            UnixDomainSocketAddress.of(path);
            return new NbdUri(text, export(text, uri), path, "", 0);
        } catch (InvalidPathException e) {
            throw wrong(text, "the socket's path is not valid: " + e.getReason());
        }
    }

    private static String export(String text, URI uri) {
        var path = uri.getPath();
        var export = path.isEmpty() ? "" : path.substring(1);
        if (export.indexOf(0) >= 0) {
            throw wrong(text, "the export's name has a NUL");
        }
        int length = export.getBytes(StandardCharsets.UTF_8).length;
        if (length > MAX_STRING) {
            throw wrong(text, "the export's name has %d bytes, over 4096".formatted(length));
        }
        return export;
    }

    private static StorageException wrong(String text, String what) {
        return new StorageException("NBD address %s: %s".formatted(text, what));
    }

    /** Looks the host up, which can take its time. */
    SocketAddress resolve() throws UnknownHostException {
        if (socket != null) {
            return UnixDomainSocketAddress.of(socket);
        }
        var address = new InetSocketAddress(host, port);
        if (address.isUnresolved()) {
            throw new UnknownHostException("no address is known for " + host);
        }
        return address;
    }
}
