/** Devices in tests: in the test's own process, behind a socket, watched. */
@NullMarked
package dev.muser.testkit;

import org.jspecify.annotations.NullMarked;
