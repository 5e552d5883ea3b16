/** The {@code muser} command: one class for each subcommand, and what they share. */
@NullMarked
package dev.muser.cli;

import org.jspecify.annotations.NullMarked;
