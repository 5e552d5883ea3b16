package dev.muser.keeper;

import dev.muser.linux.EventFd;
import dev.muser.linux.Fd;
import sun.misc.Signal;
import sun.misc.SignalHandler;

/**
 * Signals to this process, for the loop to read. A JVM has no other way that is its own: a signalfd
 * needs them blocked in all threads, and a shutdown hook does not tell which came.
 */
final class Signals implements SignalHandler, AutoCloseable {
    private final Fd event = EventFd.create();
    private int stops;
    private int hangUps;

    Signals() {
        Signal.handle(new Signal("TERM"), this);
        Signal.handle(new Signal("INT"), this);
        Signal.handle(new Signal("HUP"), this);
    }

    /** Returns the descriptor that can be read when a signal has come. */
    Fd fd() {
        return event;
    }

    @Override
    public void handle(Signal signal) {
        synchronized (this) {
            if (signal.getName().equals("HUP")) {
                hangUps++;
            } else {
                stops++;
            }
            if (event.isOpen()) {
                EventFd.signal(event);
            }
        }
    }

    /** Returns how often SIGTERM or SIGINT came since the last time. */
    synchronized int takeStops() {
        EventFd.take(event);
        int n = stops;
        stops = 0;
        return n;
    }

    /** Returns whether SIGHUP came since the last time. */
    synchronized boolean takeHangUp() {
        boolean came = hangUps > 0;
        hangUps = 0;
        return came;
    }

    @Override
    public synchronized void close() {
        event.close();
    }
}
