package dev.muser.device.pci;

import dev.muser.device.ResetKind;
import dev.muser.linux.Fd;
import dev.muser.linux.MemoryFile;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;

/** A device with some of everything, whose author has done nothing for its migration. */
final class Everything implements Device {
    private static final int PAGE = 4096;

    final List<String> calls = new ArrayList<>();
    final StateField level;
    final StateArray table;
    final BackedMemory mapped;
    final Fd outside;
    final int outsideSize;
    Map<String, String> traits = Map.of("serial", "one");

    Everything(DeviceContext ctx, int outsideSize, Consumer<DeviceContext> more) {
        this.outsideSize = outsideSize;
        ctx.identity(0x1234, 0x5678);
        var bar = ctx.bar(0, PAGE);
        bar.register("CONTROL", 0, Width.U32).reset(7).readWrite();
        bar.register("STATUS", 4, Width.U32).readOnly();
        level = ctx.state().field("level", Width.U16);
        table = ctx.state().array("table", 100_000);
        mapped = ctx.bar(2, 64L * PAGE).mappable(0, 64L * PAGE);
        ctx.bar(3, PAGE);
        ctx.capability(new MsiX(4, 3));
        ctx.interrupt(1);
        more.accept(ctx);
        outside = MemoryFile.create("test", outsideSize);
    }

    @Override
    public void powerOn() {
        level.set(55);
    }

    @Override
    public void reset(ResetKind kind) {
        calls.add("reset " + kind);
    }

    @Override
    public void restored() {
        calls.add("restored");
    }

    @Override
    public Map<String, String> traits() {
        return traits;
    }

    @Override
    public List<MovedMemory> movedMemory() {
        return List.of(new MovedMemory("outside", outside, 0, outsideSize));
    }

    @Override
    public void close() {
        outside.close();
    }
}
