@NullMarked
package dev.muser.cli.disk;

import org.jspecify.annotations.NullMarked;
