/** What {@code muser demo} does to a disk, and how it shows that. */
@NullMarked
package dev.muser.cli.demo;

import org.jspecify.annotations.NullMarked;
