/** A device with one of everything, for conformance tests of servers. */
@NullMarked
package dev.muser.devices.conformance;

import org.jspecify.annotations.NullMarked;
