package dev.muser.devices;

import dev.muser.devices.conformance.Conformance;
import dev.muser.devices.edu.Edu;
import dev.muser.devices.idio16.Idio16;
import dev.muser.devices.idio16.InputPattern;
import dev.muser.devices.timer.TimerDevice;
import java.util.List;
import java.util.Optional;

/** All devices that ship, in the order of their names. */
public final class Devices {
    private static final List<DeviceModel> ALL =
            List.of(
                    DeviceModel.of(
                            "conformance",
                            "one of everything, for conformance tests of servers",
                            Conformance::new),
                    new DeviceModel(
                            "edu",
                            "QEMU's educational device: factorials, DMA, INTx and MSI",
                            List.of(
                                    DeviceOption.integer(
                                            "dma-mask",
                                            "address bits that its DMA can drive",
                                            Edu.DEFAULT_DMA_MASK,
                                            0,
                                            Long.MAX_VALUE)),
                            values -> ctx -> new Edu(ctx, values.integer("dma-mask"))),
                    new DeviceModel(
                            "idio16",
                            "ACCES PCI-IDIO-16: 16 digital outputs, 16 inputs",
                            List.of(
                                    new DeviceOption(
                                            "inputs",
                                            "what the inputs show",
                                            "loopback",
                                            "loopback, inverted, counter or 0 to 0xffff",
                                            InputPattern::isName)),
                            values ->
                                    ctx -> new Idio16(ctx, InputPattern.of(values.text("inputs")))),
                    NvmeModel.MODEL,
                    DeviceModel.of(
                            "timer",
                            "a timer with INTx and DMA, which libvfio-user's sample client drives",
                            TimerDevice::new));

    private Devices() {}

    public static List<DeviceModel> all() {
        return ALL;
    }

    public static Optional<DeviceModel> find(String name) {
        return ALL.stream().filter(model -> model.name().equals(name)).findFirst();
    }
}
