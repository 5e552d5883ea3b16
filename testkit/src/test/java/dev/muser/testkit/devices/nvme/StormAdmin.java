package dev.muser.testkit.devices.nvme;

import static org.assertj.core.api.Assertions.assertThat;

import dev.muser.client.nvme.AdminCommands;
import dev.muser.client.nvme.AsyncEvent;
import dev.muser.client.nvme.NvmeDriver;
import java.util.HashMap;
import java.util.Map;
import java.util.Random;

/** Admin commands while others are in flight: features keep what they were given, events come. */
final class StormAdmin {
    private static final int ARBITRATION = 1;
    private static final int TEMPERATURE = 4;
    private static final int COALESCING = 8;
    private static final int ATOMICITY = 10;

    private static final int COMPOSITE = 313;
    private static final int WARNING = 343;
    private static final int TEMPERATURE_EVENTS = 2;

    private final NvmeDriver driver;
    private final Random random;
    private final Map<Integer, Integer> features = new HashMap<>();
    private boolean waiting;
    private int raised;
    private int seen;

    StormAdmin(NvmeDriver driver, Random random) {
        this.driver = driver;
        this.random = random;
        driver.admin().setFeature(AdminCommands.FEATURE_ASYNC_EVENTS, 0, TEMPERATURE_EVENTS);
    }

    void act() {
        var admin = driver.admin();
        switch (random.nextInt(6)) {
            case 0 -> set(ARBITRATION, random.nextInt() & 0xffff_ff07);
            case 1 -> set(COALESCING, random.nextInt(1 << 16));
            case 2 -> set(ATOMICITY, random.nextInt(2));
            case 3 -> check();
            case 4 -> assertThat(admin.identifyController().serial()).isEqualTo("STORM");
            default -> raise();
        }
    }

    private void set(int feature, int value) {
        driver.admin().setFeature(feature, 0, value);
        features.put(feature, value);
    }

    /** The temperature goes beyond the threshold, and back. */
    private void raise() {
        if (!waiting) {
            waiting = true;
            raised++;
            driver.admin().setFeature(TEMPERATURE, 0, COMPOSITE - 1);
            driver.admin().setFeature(TEMPERATURE, 0, WARNING);
        }
    }

    /** Takes an event if there is one; each comes once. */
    void look() {
        var event = driver.takeEvent();
        if (event != null) {
            assertThat(waiting).as("an event that was not raised, or twice").isTrue();
            assertThat(event.type()).isEqualTo(AsyncEvent.HEALTH);
            seen++;
            driver.admin().getLogPage(AdminCommands.LOG_HEALTH, -1, 512, 0);
            waiting = false;
        }
    }

    void check() {
        features.forEach((feature, value) ->
                assertThat(driver.admin().getFeature(feature, 0, 0))
                        .as("feature %d", feature)
                        .isEqualTo(value));
        for (int i = 0; i < 100 && waiting; i++) {
            look();
        }
        assertThat(seen).as("events").isEqualTo(raised);
    }
}
