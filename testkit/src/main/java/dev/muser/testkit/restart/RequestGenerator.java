package dev.muser.testkit.restart;

import java.util.Random;

/**
 * Makes up what is done to a device in a {@link RestartCheck}. One serves one run: it may remember
 * what it has asked for, and ask for a sequence of its own. {@link VfioRequests} is one for any
 * device, which others can fall back on.
 */
@FunctionalInterface
public interface RequestGenerator {

    /**
     * Returns the next request. It must depend on nothing but its arguments and the calls before,
     * so that a seed gives the same requests again.
     *
     * @param device the one of the two devices that is not restarted
     */
    Request next(Random random, DeviceView device);
}
