/**
 * Linux as Java objects through the Foreign Function and Memory API: descriptors, UNIX sockets that
 * pass descriptors, shared memory, eventfd, epoll, timers, processes.
 *
 * <p>Two conventions hold throughout. A call that is expected to fail in normal running (an empty
 * socket, a full eventfd) returns a negative errno ({@code -}{@link dev.muser.linux.Errno}{@code
 * .EAGAIN}); any other failure throws {@link dev.muser.linux.SyscallException}. Methods documented
 * as hot allocate nothing.
 *
 * <p>x86-64 only: see {@code docs/decisions/0002-x86-64-only.md}.
 */
@NullMarked
package dev.muser.linux;

import org.jspecify.annotations.NullMarked;
