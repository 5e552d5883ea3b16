package dev.muser.device.state;

import dev.muser.linux.Mapping;
import java.lang.foreign.MemorySegment;

/** A log that lets a test stop before each step. Where no test does, the VM never loads it. */
final class SteppedLog extends UndoLog {
    private final Runnable step;

    SteppedLog(StateSegment segment, MemorySegment header, Mapping mapping, Runnable step) {
        super(segment, header, mapping);
        this.step = step;
    }

    @Override
    void save(long position, MemorySegment memory, long at, long length) {
        step.run();
        super.save(position, memory, at, length);
    }

    @Override
    void beforeNow() {
        step.run();
    }

    @Override
    void commit() {
        if (isOpen()) {
            step.run();
        }
        super.commit();
    }
}
