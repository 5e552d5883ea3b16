package dev.muser.testkit.examples;

import dev.muser.device.EventLoop;
import dev.muser.devices.storage.Storage;
import dev.muser.devices.storage.StorageInfo;
import dev.muser.devices.storage.StorageRequest;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/**
 * A storage engine as a JVM has them: pages in a map, work on threads of its own. The example of
 * docs/nvme.md.
 */
final class MapEngine implements Storage {
    private static final int PAGE = 4096;

    private final Map<Long, byte[]> pages = new ConcurrentHashMap<>();
    private final ExecutorService workers = Executors.newVirtualThreadPerTaskExecutor();
    private final StorageInfo info;

    MapEngine(long size) {
        // requests in multiples of a page; no cache that a flush would have to write
        info = new StorageInfo(size, PAGE, false, false, true, true);
    }

    @Override
    public StorageInfo info() {
        return info;
    }

    @Override
    public void start(EventLoop loop) {}

    /** On the loop's thread: takes what a write brings, and leaves the rest to a worker. */
    @Override
    public void submit(StorageRequest request) {
        long offset = request.offset();
        var data = new byte[Math.toIntExact(request.length())];
        switch (request.operation()) {
            case READ ->
                    workers.execute(() -> {
                        load(offset, data);
                        request.completeLater(0, MemorySegment.ofArray(data));
                    });
            case WRITE -> {
                int errno = request.get(0, MemorySegment.ofArray(data), 0, data.length);
                if (errno != 0) {
                    request.complete(errno);
                    return;
                }
                workers.execute(() -> {
                    store(offset, data);
                    request.completeLater(0);
                });
            }
            case DISCARD, ZERO -> {
                for (long at = offset; at < offset + data.length; at += PAGE) {
                    pages.remove(at);
                }
                request.complete(0);
            }
            case FLUSH -> request.complete(0);
        }
    }

    private void load(long offset, byte[] into) {
        for (int at = 0; at < into.length; at += PAGE) {
            var page = pages.get(offset + at);
            if (page != null) {
                System.arraycopy(page, 0, into, at, PAGE);
            }
        }
    }

    private void store(long offset, byte[] from) {
        for (int at = 0; at < from.length; at += PAGE) {
            pages.put(offset + at, Arrays.copyOfRange(from, at, at + PAGE));
        }
    }

    @Override
    public void close() {
        workers.close();
    }
}
