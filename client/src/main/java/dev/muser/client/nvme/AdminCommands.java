package dev.muser.client.nvme;

import static dev.muser.client.nvme.LittleEndian.U16;
import static dev.muser.client.nvme.LittleEndian.U32;

import dev.muser.client.DmaBuffer;
import dev.muser.client.DmaSpace;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;

/**
 * Admin commands as calls. All throw {@link NvmeException} when the controller refuses. Data that
 * comes back is a copy.
 */
public final class AdminCommands implements AutoCloseable {
    /** Values of CNS in Identify. */
    public static final int CNS_NAMESPACE = 0x00;

    public static final int CNS_CONTROLLER = 0x01;
    public static final int CNS_ACTIVE_NAMESPACES = 0x02;
    public static final int CNS_NAMESPACE_DESCRIPTORS = 0x03;
    public static final int CNS_ALLOCATED_NAMESPACES = 0x10;
    public static final int CNS_ALLOCATED_NAMESPACE = 0x11;

    /** Feature identifiers. */
    public static final int FEATURE_WRITE_CACHE = 0x06;

    public static final int FEATURE_QUEUES = 0x07;
    public static final int FEATURE_ASYNC_EVENTS = 0x0b;

    /** Log page identifiers. */
    public static final int LOG_ERROR = 0x01;

    public static final int LOG_HEALTH = 0x02;
    public static final int LOG_FIRMWARE = 0x03;
    public static final int LOG_CHANGED_NAMESPACES = 0x04;
    public static final int LOG_EFFECTS = 0x05;

    private static final int PAGE = 4096;
    private static final int MAX_DATA = 256 * 1024;
    private static final int CONTIGUOUS = 1;
    private static final int INTERRUPTS = 1 << 1;

    private final AdminQueue queue;
    private final DmaBuffer buffer;
    private final PrpList prps;

    AdminCommands(AdminQueue queue, DmaSpace dma) {
        this.queue = queue;
        buffer = dma.allocate(MAX_DATA + PAGE);
        prps = new PrpList(buffer, MAX_DATA, 1, PAGE);
    }

    /** Returns the queue, for commands that are not here. */
    public AdminQueue queue() {
        return queue;
    }

    /** Identify: returns the 4096 bytes that {@code cns} stands for. */
    public MemorySegment identify(int cns, int namespace, int controller) {
        withData(AdminOpcode.IDENTIFY, PAGE)
                .nsid(namespace)
                .cdw10((cns & 0xff) | (controller << 16));
        queue.execute();
        return copy(PAGE);
    }

    /** Identify: returns the controller. */
    public ControllerInfo identifyController() {
        return ControllerInfo.of(identify(CNS_CONTROLLER, 0, 0));
    }

    /** Identify: returns a namespace with its descriptors, which controllers before 1.3 lack. */
    public NvmeNamespace identifyNamespace(int id) {
        var data = identify(CNS_NAMESPACE, id, 0);
        MemorySegment descriptors;
        try {
            descriptors = identify(CNS_NAMESPACE_DESCRIPTORS, id, 0);
        } catch (NvmeException e) {
            descriptors = MemorySegment.NULL;
        }
        return NvmeNamespace.of(id, data, descriptors);
    }

    /** Identify: returns the identifiers of all active namespaces, in ascending order. */
    public List<Integer> activeNamespaces() {
        var all = new ArrayList<Integer>();
        int last = 0;
        while (true) {
            var page = identify(CNS_ACTIVE_NAMESPACES, last, 0);
            for (int i = 0; i < PAGE / 4; i++) {
                int id = page.get(U32, 4L * i);
                if (Integer.compareUnsigned(id, last) <= 0) {
                    return all; // zero ends the list; so does one that does not ascend
                }
                all.add(id);
                last = id;
            }
        }
    }

    /** Get Log Page: returns {@code length} bytes, a multiple of 4, from {@code offset} on. */
    public MemorySegment getLogPage(int page, int namespace, int length, long offset) {
        int dwords = length / 4 - 1;
        withData(AdminOpcode.GET_LOG_PAGE, length)
                .nsid(namespace)
                .cdw10((page & 0xff) | (dwords << 16))
                .cdw11(dwords >>> 16)
                .cdw12((int) offset)
                .cdw13((int) (offset >>> 32));
        queue.execute();
        return copy(length);
    }

    /** Get Features: returns the current value. */
    public int getFeature(int feature, int namespace, int cdw11) {
        withData(AdminOpcode.GET_FEATURES, PAGE).nsid(namespace).cdw10(feature).cdw11(cdw11);
        return queue.execute().dw0();
    }

    /** Get Features: returns the data of a feature that has some, after {@link #getFeature}. */
    public MemorySegment featureData(int length) {
        return copy(length);
    }

    /** Set Features: returns what the controller answers. */
    public int setFeature(int feature, int namespace, int cdw11) {
        queue.command(AdminOpcode.SET_FEATURES).nsid(namespace).cdw10(feature).cdw11(cdw11);
        return queue.execute().dw0();
    }

    /** Set Features, for a feature with data. */
    public int setFeature(int feature, int namespace, int cdw11, MemorySegment data) {
        withData(AdminOpcode.SET_FEATURES, data.byteSize())
                .nsid(namespace)
                .cdw10(feature)
                .cdw11(cdw11);
        buffer.segment().copyFrom(data);
        return queue.execute().dw0();
    }

    /** Asks for {@code pairs} I/O queue pairs; returns how many there are. */
    public int setQueueCount(int pairs) {
        int given = setFeature(FEATURE_QUEUES, 0, ((pairs - 1) << 16) | (pairs - 1));
        return Math.min(pairs, Math.min(given & 0xffff, given >>> 16) + 1);
    }

    /** Create I/O Completion Queue, without interrupts. */
    public void createCompletionQueue(CompletionQueue completions) {
        createCompletionQueue(completions, 0, CONTIGUOUS);
    }

    /** Create I/O Completion Queue, interrupting by {@code vector}. */
    public void createCompletionQueue(CompletionQueue completions, int vector) {
        createCompletionQueue(completions, vector, CONTIGUOUS | INTERRUPTS);
    }

    private void createCompletionQueue(CompletionQueue completions, int vector, int flags) {
        completions.reset();
        queue.command(AdminOpcode.CREATE_COMPLETION_QUEUE)
                .prp1(completions.iova())
                .cdw10(((completions.entries() - 1) << 16) | completions.id())
                .cdw11((vector << 16) | flags);
        queue.execute();
    }

    /** Create I/O Submission Queue; its completion queue is there already. */
    public void createSubmissionQueue(SubmissionQueue submissions, int priority) {
        submissions.reset();
        queue.command(AdminOpcode.CREATE_SUBMISSION_QUEUE)
                .prp1(submissions.iova())
                .cdw10(((submissions.entries() - 1) << 16) | submissions.id())
                .cdw11((submissions.completions().id() << 16) | ((priority & 3) << 1) | CONTIGUOUS);
        queue.execute();
    }

    /** Delete I/O Submission Queue: what is in it is aborted. */
    public void deleteSubmissionQueue(int id) {
        queue.command(AdminOpcode.DELETE_SUBMISSION_QUEUE).cdw10(id);
        queue.execute();
    }

    /** Delete I/O Completion Queue, after all its submission queues. */
    public void deleteCompletionQueue(int id) {
        queue.command(AdminOpcode.DELETE_COMPLETION_QUEUE).cdw10(id);
        queue.execute();
    }

    /** Abort: returns whether the command was aborted. */
    public boolean abort(int submissionQueue, int commandId) {
        queue.command(AdminOpcode.ABORT).cdw10((commandId << 16) | submissionQueue);
        return (queue.execute().dw0() & 1) == 0;
    }

    public void keepAlive() {
        queue.command(AdminOpcode.KEEP_ALIVE);
        queue.execute();
    }

    /** Doorbell Buffer Config. */
    public void configureDoorbells(ShadowDoorbells shadow) {
        queue.command(AdminOpcode.DOORBELL_BUFFER_CONFIG)
                .prp1(shadow.values())
                .prp2(shadow.eventIndexes());
        queue.execute();
    }

    /** Format NVM: {@code settings} is CDW10, the LBA format in bits 0 to 3. */
    public void format(int namespace, int settings) {
        queue.command(AdminOpcode.FORMAT_NVM).nsid(namespace).cdw10(settings);
        queue.execute();
    }

    /** Namespace Attachment: attaches to the controllers, or detaches from them. */
    public void attachNamespace(int namespace, boolean attach, int... controllers) {
        var list = buffer.segment();
        list.asSlice(0, PAGE).fill((byte) 0);
        list.set(U16, 0, (short) controllers.length);
        for (int i = 0; i < controllers.length; i++) {
            list.set(U16, 2 + 2L * i, (short) controllers[i]);
        }
        withData(AdminOpcode.NAMESPACE_ATTACHMENT, PAGE).nsid(namespace).cdw10(attach ? 0 : 1);
        queue.execute();
    }

    /** Frees the memory for data. */
    @Override
    public void close() {
        buffer.close();
    }

    private SubmissionEntry withData(int opcode, long length) {
        if (length < 4 || length > MAX_DATA || (length & 3) != 0) {
            throw new IllegalArgumentException(
                    "%d bytes with an admin command: 4 to %d, in fours"
                            .formatted(length, MAX_DATA));
        }
        return queue.command(opcode).data(prps.set(buffer.iova(), length));
    }

    private MemorySegment copy(long length) {
        return MemorySegment.ofArray(
                buffer.segment().asSlice(0, length).toArray(ValueLayout.JAVA_LONG));
    }
}
