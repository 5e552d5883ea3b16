/** A timer that does DMA when it expires, for conformance tests of clients and servers. */
@NullMarked
package dev.muser.devices.timer;

import org.jspecify.annotations.NullMarked;
