/**
 * What a device and its session are at this moment, in memory that outlives the process, changed by
 * transactions.
 */
@NullMarked
package dev.muser.device.state;

import org.jspecify.annotations.NullMarked;
