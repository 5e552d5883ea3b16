package dev.muser.server;

import dev.muser.device.EventLoop;
import java.util.ArrayList;
import java.util.List;

/** What a device has registered on its loop, so that it ends with the device. */
final class Registrations implements AutoCloseable {
    private final List<EventLoop.Registration> open = new ArrayList<>();

    EventLoop.Registration add(EventLoop.Registration registration) {
        open.add(registration);
        return () -> {
            open.remove(registration);
            registration.close();
        };
    }

    EventLoop.Timer add(EventLoop.Timer timer) {
        open.add(timer);
        return new EventLoop.Timer() {
            @Override
            public void arm(long nanoseconds) {
                timer.arm(nanoseconds);
            }

            @Override
            public void disarm() {
                timer.disarm();
            }

            @Override
            public void close() {
                open.remove(timer);
                timer.close();
            }
        };
    }

    EventLoop.Poller add(EventLoop.Poller poller) {
        open.add(poller);
        return new EventLoop.Poller() {
            @Override
            public void start() {
                poller.start();
            }

            @Override
            public void stop() {
                poller.stop();
            }

            @Override
            public void close() {
                open.remove(poller);
                poller.close();
            }
        };
    }

    @Override
    public void close() {
        while (!open.isEmpty()) {
            open.removeLast().close();
        }
    }
}
