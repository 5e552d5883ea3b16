@NullMarked
package dev.muser.testkit.restart;

import org.jspecify.annotations.NullMarked;
