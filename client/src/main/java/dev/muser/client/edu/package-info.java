/** A driver for QEMU's teaching device {@code edu}: the model for drivers. */
@NullMarked
package dev.muser.client.edu;

import org.jspecify.annotations.NullMarked;
