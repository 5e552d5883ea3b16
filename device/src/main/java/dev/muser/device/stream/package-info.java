/**
 * What is on the way when a device migrates: records that say what they are, and can be checked.
 */
@NullMarked
package dev.muser.device.stream;

import org.jspecify.annotations.NullMarked;
