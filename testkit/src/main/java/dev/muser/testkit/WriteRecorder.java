package dev.muser.testkit;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import dev.muser.device.Region;
import dev.muser.device.VfioDevice;
import java.lang.foreign.MemorySegment;
import java.util.function.Consumer;

/** A device that tells of each write to its BARs, before it happens. */
final class WriteRecorder extends ForwardingDevice {
    private final Consumer<RegionWrite> recorder;

    WriteRecorder(VfioDevice device, Consumer<RegionWrite> recorder) {
        super(device);
        this.recorder = recorder;
    }

    @Override
    public void writeRegion(int region, long offset, MemorySegment buffer, long at, int count) {
        if (region <= Region.BAR5) {
            long value = 0;
            for (int i = Math.min(count, 8) - 1; i >= 0; i--) {
                value = (value << 8) | (buffer.get(JAVA_BYTE, at + i) & 0xff);
            }
            recorder.accept(new RegionWrite(region, offset, count, value));
        }
        super.writeRegion(region, offset, buffer, at, count);
    }
}
