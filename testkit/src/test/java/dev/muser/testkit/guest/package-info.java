@NullMarked
package dev.muser.testkit.guest;

import org.jspecify.annotations.NullMarked;
