package dev.muser.devices.nvme;

import java.time.Duration;
import java.util.List;

/**
 * What a controller is.
 *
 * @param serial serial number, up to 20 printable ASCII characters
 * @param model model number, up to 40
 * @param vectors MSI-X vectors, 1 to 129
 * @param queues I/O queue pairs at most, 1 to 128
 * @param doorbell how it hears of work
 * @param spin how long it looks for work, after the last it found, before it sleeps
 * @param neverSleep whether it looks for work for ever
 * @param namespaces what it has from the start
 * @param incoming whether the disk is at another server, which may have its storages, and is to
 *     move in: until then no driver can enable the controller
 */
public record NvmeOptions(
        String serial,
        String model,
        int vectors,
        int queues,
        Doorbell doorbell,
        Duration spin,
        boolean neverSleep,
        List<NamespaceOptions> namespaces,
        boolean incoming) {
    /** What Windows and the descriptor limits of virtual machine monitors can cope with. */
    public static final int DEFAULT_VECTORS = 64;

    public static final int MOST_VECTORS = 129;
    public static final int MOST_QUEUES = 128;

    /** One controller of such namespaces, as it is unless something else is chosen. */
    public static NvmeOptions of(String serial, List<NamespaceOptions> namespaces) {
        return new NvmeOptions(
                serial,
                "Muser NVMe",
                DEFAULT_VECTORS,
                MOST_QUEUES,
                Doorbell.AUTO,
                Duration.ofNanos(100_000),
                false,
                namespaces,
                false);
    }

    public NvmeOptions {
        namespaces = List.copyOf(namespaces);
        requireText("serial", serial, 20);
        requireText("model", model, 40);
        require("vectors", vectors, MOST_VECTORS);
        require("queues", queues, MOST_QUEUES);
        if (spin.isNegative()) {
            throw new IllegalArgumentException("spin " + spin + " is negative");
        }
    }

    private static void requireText(String name, String text, int most) {
        if (text.isEmpty() || text.length() > most || !text.matches("[ -~]*")) {
            throw new IllegalArgumentException(
                    "%s '%s': must be 1 to %d printable ASCII characters"
                            .formatted(name, text, most));
        }
    }

    private static void require(String name, int value, int most) {
        if (value < 1 || value > most) {
            throw new IllegalArgumentException(
                    "%s %d: must be 1 to %d".formatted(name, value, most));
        }
    }

    public NvmeOptions withVectors(int count) {
        return new NvmeOptions(
                serial, model, count, queues, doorbell, spin, neverSleep, namespaces, incoming);
    }

    public NvmeOptions withQueues(int count) {
        return new NvmeOptions(
                serial, model, vectors, count, doorbell, spin, neverSleep, namespaces, incoming);
    }

    public NvmeOptions withDoorbell(Doorbell how) {
        return new NvmeOptions(
                serial, model, vectors, queues, how, spin, neverSleep, namespaces, incoming);
    }

    public NvmeOptions withSpin(Duration time, boolean forEver) {
        return new NvmeOptions(
                serial, model, vectors, queues, doorbell, time, forEver, namespaces, incoming);
    }

    public NvmeOptions withModel(String name) {
        return new NvmeOptions(
                serial, name, vectors, queues, doorbell, spin, neverSleep, namespaces, incoming);
    }

    public NvmeOptions withIncoming(boolean value) {
        return new NvmeOptions(
                serial, model, vectors, queues, doorbell, spin, neverSleep, namespaces, value);
    }
}
