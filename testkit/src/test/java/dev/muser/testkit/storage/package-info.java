/** Storage engines with the real servers that they are for. */
@NullMarked
package dev.muser.testkit.storage;

import org.jspecify.annotations.NullMarked;
