@NullMarked
package dev.muser.bench;

import org.jspecify.annotations.NullMarked;
