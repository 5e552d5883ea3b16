package dev.muser.linux;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/**
 * A classic BPF program that decides about system calls ({@code seccomp(2)}), being written. It
 * sees {@code struct seccomp_data}: nr s32 @0, arch u32 @4, instruction_pointer u64 @8, args
 * u64[6] @16.
 */
final class BpfProgram {
    static final int RET_ALLOW = 0x7fff_0000;
    static final int NR = 0;
    static final int ARCH = 4;

    // struct sock_filter: code u16 @0, jt u8 @2, jf u8 @3, k u32 @4
    static final int INSTRUCTION_SIZE = 8;

    static final int LD_W_ABS = 0x20;
    static final int ALU_AND_K = 0x54;
    static final int JMP_JEQ_K = 0x15;
    static final int JMP_JGE_K = 0x35;
    static final int RET_K = 0x06;

    private static final int RET_ERRNO = 0x0005_0000;
    private static final int FARTHEST = 255; // a jump has 8 bits

    record Instruction(int code, int whenTrue, int whenFalse, int k) {}

    private final List<Instruction> instructions = new ArrayList<>();

    /** Returns the result that has the call fail with {@code errno}. */
    static int fail(int errno) {
        return RET_ERRNO | errno;
    }

    /** Returns where the lower half of an argument is: all that the kernel takes of an int. */
    static int argument(int number) {
        return 16 + 8 * number;
    }

    List<Instruction> instructions() {
        return instructions;
    }

    BpfProgram load(int offset) {
        return add(LD_W_ABS, 0, 0, offset);
    }

    BpfProgram and(int mask) {
        return add(ALU_AND_K, 0, 0, mask);
    }

    /** Ends with {@code result} when what was loaded is {@code value}, else goes on. */
    BpfProgram returnIfEqual(int value, int result) {
        add(JMP_JEQ_K, 0, 1, value);
        return end(result);
    }

    /** Goes on when what was loaded is {@code value}, else ends with {@code result}. */
    BpfProgram require(int value, int result) {
        add(JMP_JEQ_K, 1, 0, value);
        return end(result);
    }

    BpfProgram end(int result) {
        return add(RET_K, 0, 0, result);
    }

    /** Goes on with {@code below} when what was loaded is less than {@code value}, unsigned. */
    BpfProgram branch(int value, BpfProgram below, BpfProgram other) {
        int length = below.instructions.size();
        if (length > FARTHEST) {
            throw new IllegalStateException("a jump over " + length + " instructions");
        }
        add(JMP_JGE_K, length, 0, value);
        instructions.addAll(below.instructions);
        instructions.addAll(other.instructions);
        return this;
    }

    BpfProgram append(BpfProgram more) {
        instructions.addAll(more.instructions);
        return this;
    }

    private BpfProgram add(int code, int whenTrue, int whenFalse, int k) {
        instructions.add(new Instruction(code, whenTrue, whenFalse, k));
        return this;
    }

    /** Returns it as the kernel takes it: an array of {@code struct sock_filter}. */
    MemorySegment encode(Arena arena) {
        var memory = arena.allocate((long) INSTRUCTION_SIZE * instructions.size(), 8);
        for (int i = 0; i < instructions.size(); i++) {
            var each = instructions.get(i);
            var at = memory.asSlice((long) INSTRUCTION_SIZE * i, INSTRUCTION_SIZE);
            at.set(JAVA_SHORT, 0, (short) each.code);
            at.set(JAVA_BYTE, 2, (byte) each.whenTrue);
            at.set(JAVA_BYTE, 3, (byte) each.whenFalse);
            at.set(JAVA_INT, 4, each.k);
        }
        return memory;
    }
}
