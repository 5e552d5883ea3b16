package dev.muser.testkit.devices.nvme;

import static org.assertj.core.api.Assertions.assertThat;

import dev.muser.client.DmaSpace;
import dev.muser.client.PciFunction;
import dev.muser.client.nvme.NvmeDriver;
import dev.muser.client.nvme.NvmeDriverOptions;
import dev.muser.client.nvme.SubmissionEntry;
import dev.muser.devices.nvme.NamespaceOptions;
import dev.muser.devices.nvme.Nvme;
import dev.muser.devices.nvme.NvmeOptions;
import dev.muser.testkit.InProcessDevice;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.reflect.Method;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.InvocationInterceptor;
import org.junit.jupiter.api.extension.ReflectiveInvocationContext;

/**
 * A controller and a driver, in the test's thread: as an extension, since a test method has a
 * thread of its own, in which all must be opened, used and closed.
 */
@SuppressWarnings("NullAway.Init") // opened before each test
final class AdminRig implements AutoCloseable, InvocationInterceptor {
    static final int ALL = 0xffff_ffff;
    static final String SERIAL = "MUSER-1";

    private static final ValueLayout.OfShort U16 =
            ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfInt U32 =
            ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfLong U64 =
            ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    Nvme nvme;
    NvmeDriver driver;
    private final NvmeDriverOptions options;
    private final List<NamespaceOptions> namespaces;
    private InProcessDevice device;
    private PciFunction function;

    AdminRig(NamespaceOptions... namespaces) {
        this(NvmeDriverOptions.DEFAULTS.withAsyncEvents(0), namespaces);
    }

    AdminRig(NvmeDriverOptions options, NamespaceOptions... namespaces) {
        this.options = options;
        this.namespaces = List.of(namespaces);
    }

    AdminRig open() {
        device =
                InProcessDevice.of(ctx -> {
                    nvme = new Nvme(ctx, NvmeOptions.of(SERIAL, namespaces).withQueues(4));
                    return nvme;
                });
        function = new PciFunction(device);
        driver = NvmeDriver.open(function, options);
        return this;
    }

    @Override
    public void interceptTestMethod(
            Invocation<@Nullable Void> test,
            ReflectiveInvocationContext<Method> context,
            ExtensionContext extension)
            throws Throwable {
        try (var _ = open()) {
            test.proceed();
        }
    }

    @Override
    public void interceptTestTemplateMethod(
            Invocation<@Nullable Void> test,
            ReflectiveInvocationContext<Method> context,
            ExtensionContext extension)
            throws Throwable {
        interceptTestMethod(test, context, extension);
    }

    /** Sends an admin command; returns its status. */
    int status(int opcode, UnaryOperator<SubmissionEntry> fields) {
        var _ = fields.apply(driver.admin().queue().command(opcode));
        return driver.admin().queue().tryExecute().status();
    }

    /** Sends an admin command that succeeds; returns dword 0 of its completion. */
    int result(int opcode, UnaryOperator<SubmissionEntry> fields) {
        var _ = fields.apply(driver.admin().queue().command(opcode));
        return driver.admin().queue().execute().dw0();
    }

    DmaSpace dma() {
        return function.dma();
    }

    /** Has the device do what is due. */
    void turn() {
        for (int i = 0; i < 100; i++) {
            device.serve();
        }
    }

    static int u8(MemorySegment page, long at) {
        return page.get(ValueLayout.JAVA_BYTE, at) & 0xff;
    }

    static int u16(MemorySegment page, long at) {
        return page.get(U16, at) & 0xffff;
    }

    static int u32(MemorySegment page, long at) {
        return page.get(U32, at);
    }

    static long u64(MemorySegment page, long at) {
        return page.get(U64, at);
    }

    static String text(MemorySegment page, long at, int length) {
        var bytes = page.asSlice(at, length).toArray(ValueLayout.JAVA_BYTE);
        return new String(bytes, StandardCharsets.US_ASCII);
    }

    static void assertZero(MemorySegment page) {
        assertThat(page.toArray(ValueLayout.JAVA_BYTE)).containsOnly(0);
    }

    @Override
    public void close() {
        driver.close();
        function.close();
        device.close();
    }
}
