/** Clients that mean harm, each beside one that does not. */
@NullMarked
package dev.muser.testkit.hostile;

import org.jspecify.annotations.NullMarked;
