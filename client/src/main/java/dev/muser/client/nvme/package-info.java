/**
 * A driver for NVMe disks (NVM Express base specification 1.4) in user space.
 *
 * <p>Two levels. {@link dev.muser.client.nvme.NvmeDriver} brings a controller up and gives
 * namespaces and queues; {@link dev.muser.client.nvme.IoQueue} is for speed, {@link
 * dev.muser.client.nvme.SyncIo} for simple use. Below them, {@link
 * dev.muser.client.nvme.SubmissionQueue}, {@link dev.muser.client.nvme.CompletionQueue}, {@link
 * dev.muser.client.nvme.SubmissionEntry} and {@link dev.muser.client.nvme.ControllerRegisters} send
 * whatever a test wants to send, also what is wrong.
 *
 * <p>Everything belongs to one thread, the driver's. What is marked hot allocates nothing.
 */
@NullMarked
package dev.muser.client.nvme;

import org.jspecify.annotations.NullMarked;
