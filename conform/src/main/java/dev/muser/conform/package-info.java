/**
 * A conformance test of vfio-user servers, over the wire: {@link dev.muser.conform.Conformance}.
 *
 * <p>It knows the specification (docs/interop/vfio-user.rst of QEMU) and nothing of Muser's server
 * or client: it makes and reads its own bytes. {@code *Cases} have a file for each section of the
 * specification; {@code Trial} is what they are written with.
 */
@NullMarked
package dev.muser.conform;

import org.jspecify.annotations.NullMarked;
