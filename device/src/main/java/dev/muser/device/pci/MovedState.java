package dev.muser.device.pci;

import dev.muser.device.stream.MovedArea;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * The fields of a device state that move, as a stream sees them: as they were when a pass began.
 */
final class MovedState implements MovedArea {
    static final String NAME = "state";
    static final int VERSION = 1;

    private final DeviceState state;
    private final MemorySegment snapshot;

    MovedState(DeviceState state) {
        this.state = state;
        snapshot = Arena.ofAuto().allocate(state.movedLayout().size(), 64);
    }

    @Override
    public String name() {
        return NAME;
    }

    @Override
    public int version() {
        return VERSION;
    }

    @Override
    public long length() {
        return snapshot.byteSize();
    }

    @Override
    public void beginPass() {
        state.copyMoved(snapshot);
    }

    @Override
    public void read(long offset, MemorySegment into, long at, int count) {
        MemorySegment.copy(snapshot, offset, into, at, count);
    }
}
