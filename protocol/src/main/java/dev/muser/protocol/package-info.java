/**
 * The messages of vfio-user, both directions, as flyweights: objects without data of their own,
 * which their owner points at a message's bytes and reuses for the next one.
 *
 * <p>The order of use is fixed. {@code wrap} points at a payload (what follows the 16 bytes of the
 * {@link dev.muser.protocol.Header}); a {@code validate} method looks at everything that the other
 * side could have got wrong and returns 0, or the positive errno to answer with; after a 0 every
 * getter is safe, and the numbers that validation bounded fit the types that getters return.
 * Getters before that are the caller's mistake: they may return nonsense or throw {@link
 * IndexOutOfBoundsException}, never touch memory outside of the segment.
 *
 * <p>The bytes must be private memory: what is validated here must not change afterwards.
 *
 * <p>Unsigned 64-bit numbers travel in a {@code long}; compare them with {@link
 * Long#compareUnsigned}. Encoders are static, return the payload's length in bytes, and want room
 * for it. Nothing here throws on behalf of the other side, but for the JSON of {@code VERSION}
 * ({@link dev.muser.protocol.ProtocolException}); nothing allocates but that. Instances belong to
 * one thread.
 *
 * <p>Layouts: vfio-user specification ({@code docs/interop/vfio-user.rst} of QEMU); where it and
 * existing programs differ, the class says which side is taken.
 */
@NullMarked
package dev.muser.protocol;

import org.jspecify.annotations.NullMarked;
