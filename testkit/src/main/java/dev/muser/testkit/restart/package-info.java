/** Whether a device survives the death of its process: a check that any device can be given to. */
@NullMarked
package dev.muser.testkit.restart;

import org.jspecify.annotations.NullMarked;
