@NullMarked
package dev.muser.cli.demo;

import org.jspecify.annotations.NullMarked;
