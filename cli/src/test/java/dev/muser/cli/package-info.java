@NullMarked
package dev.muser.cli;

import org.jspecify.annotations.NullMarked;
