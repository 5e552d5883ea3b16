package dev.muser.device.pci;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.muser.device.Migration;
import dev.muser.device.MigrationState;
import dev.muser.device.Region;
import dev.muser.device.VfioException;
import dev.muser.linux.Errno;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class MigrationTest {
    private static final int LENGTH = 10_000;

    /** Rows: now; columns: targets 1, 2, 3, 4, 6; x is refused (vfio-user, next state). */
    private static final Map<Integer, String> NEXT_HOPS =
            Map.of(
                    1, "1 2 3 4 2",
                    2, "1 2 1 1 6",
                    3, "1 1 3 1 x",
                    4, "1 1 1 4 1",
                    6, "2 2 3 2 6");

    private static final List<MigrationState> STATES = List.of(MigrationState.values());

    private static final int[] COLUMNS = {1, 2, 3, 4, 6};

    private final Stream stream = new Stream();
    private final DeviceFixture fixture =
            DeviceFixture.of(context -> {
                context.migration(stream);
                context.bar(0, 4096).memory("ram", 0, 4096);
            });
    private final MemorySegment buffer = Arena.ofAuto().allocate(LENGTH + 1);

    /** A stream of exactly 10,000 bytes. */
    private static final class Stream implements MigrationStream {
        final List<String> transitions = new ArrayList<>();
        final List<Long> positions = new ArrayList<>();
        boolean preCopy = true;
        @Nullable MigrationState refused;
        Runnable leaving = () -> {};

        @Override
        public boolean preCopy() {
            return preCopy;
        }

        @Override
        public void transition(MigrationState from, MigrationState to) {
            if (to == refused) {
                throw new VfioException(Errno.EIO, "refused by the test");
            }
            if (from == MigrationState.RESUMING) {
                leaving.run();
            }
            transitions.add(from + ">" + to);
        }

        @Override
        public int read(long position, MemorySegment into, long at, int count) {
            positions.add(position);
            int n = (int) Math.min(count, LENGTH - position);
            into.asSlice(at, n).fill((byte) 0x5a);
            return n;
        }

        @Override
        public void write(long position, MemorySegment from, long at, int count) {
            if (count > LENGTH - position) {
                throw new VfioException(Errno.ENOSPC, "too long");
            }
            positions.add(position);
        }
    }

    @AfterEach
    void close() {
        fixture.close();
    }

    private Migration migration() {
        return Objects.requireNonNull(fixture.device.migration());
    }

    private void goTo(MigrationState state) {
        migration().moveTo(MigrationState.RUNNING);
        migration().moveTo(state);
    }

    /** The states that a device without peer-to-peer states can be in, ERROR aside. */
    private static MigrationState state(int number) {
        return STATES.get(number);
    }

    private static int number(MigrationState state) {
        return STATES.indexOf(state);
    }

    private static String hop(int now, int target) {
        var row = Objects.requireNonNull(NEXT_HOPS.get(now)).split(" ", -1);
        for (int i = 0; i < COLUMNS.length; i++) {
            if (COLUMNS[i] == target) {
                return row[i];
            }
        }
        return "x";
    }

    @Test
    void shouldStartRunning() {
        assertThat(migration().state()).isEqualTo(MigrationState.RUNNING);
    }

    @Test
    void shouldFollowTheTableFromEveryStateToEveryState() {
        for (int from : COLUMNS) {
            for (int to = 0; to < STATES.size(); to++) {
                goTo(state(from));
                stream.transitions.clear();
                var expected = new ArrayList<String>();
                int now = from;
                while (now != to && !hop(now, to).equals("x")) {
                    int next = Integer.parseInt(hop(now, to));
                    expected.add(state(now) + ">" + state(next));
                    now = next;
                }
                var target = state(to);
                if (hop(from, to).equals("x")) {
                    assertThat(DeviceFixture.errno(() -> migration().moveTo(target)))
                            .as("%s to %s", state(from), target)
                            .isEqualTo(Errno.EINVAL);
                    assertThat(migration().state()).isEqualTo(state(from));
                    assertThat(stream.transitions).isEmpty();
                } else {
                    migration().moveTo(target);
                    assertThat(migration().state()).isEqualTo(target);
                    assertThat(stream.transitions)
                            .as("%s to %s", state(from), target)
                            .isEqualTo(expected);
                }
            }
        }
    }

    @ParameterizedTest
    @EnumSource(MigrationState.class)
    void shouldGoNowhereFromErrorAndThePeerToPeerStates(MigrationState target) {
        for (var from :
                List.of(
                        MigrationState.ERROR,
                        MigrationState.RUNNING_P2P,
                        MigrationState.PRE_COPY_P2P)) {
            assertThat(MigrationStates.next(from, target)).isNull();
        }
    }

    @Test
    void shouldUseTheTableOfTheSpecificationHopByHop() {
        for (int from : COLUMNS) {
            for (int to : COLUMNS) {
                if (from != to) {
                    var next = MigrationStates.next(state(from), state(to));
                    assertThat(next == null ? "x" : Integer.toString(number(next)))
                            .as("%s to %s", state(from), state(to))
                            .isEqualTo(hop(from, to));
                }
            }
        }
    }

    @Test
    void shouldRefusePreCopyWhenTheDeviceHasNone() {
        stream.preCopy = false;
        assertThat(migration().preCopy()).isFalse();
        assertThat(DeviceFixture.errno(() -> migration().moveTo(MigrationState.PRE_COPY)))
                .isEqualTo(Errno.EINVAL);
        migration().moveTo(MigrationState.STOP_COPY);
        assertThat(migration().state()).isEqualTo(MigrationState.STOP_COPY);
    }

    @Test
    void shouldStayInTheLastStateReachedWhenTheDeviceRefuses() {
        stream.refused = MigrationState.STOP_COPY;
        assertThat(DeviceFixture.errno(() -> migration().moveTo(MigrationState.STOP_COPY)))
                .isEqualTo(Errno.EIO);
        assertThat(migration().state()).isEqualTo(MigrationState.STOP);
    }

    @Test
    void shouldReadTheStreamInPiecesUpToItsEnd() {
        goTo(MigrationState.STOP_COPY);
        assertThat(migration().read(buffer, 0, 4096)).isEqualTo(4096);
        assertThat(migration().read(buffer, 0, 4096)).isEqualTo(4096);
        assertThat(migration().read(buffer, 0, 4096)).isEqualTo(LENGTH - 8192);
        assertThat(migration().read(buffer, 0, 4096)).isZero();
        assertThat(stream.positions).containsExactly(0L, 4096L, 8192L, 10_000L);
    }

    @Test
    void shouldRewindOnEachTransition() {
        goTo(MigrationState.PRE_COPY);
        assertThat(migration().read(buffer, 0, 100)).isEqualTo(100);
        migration().moveTo(MigrationState.PRE_COPY);
        assertThat(migration().read(buffer, 0, 100)).isEqualTo(100);
        migration().moveTo(MigrationState.STOP_COPY);
        assertThat(migration().read(buffer, 0, LENGTH + 1)).isEqualTo(LENGTH);
        assertThat(stream.positions).containsExactly(0L, 100L, 0L);
    }

    @Test
    void shouldTakeTheStreamInResumingAndNoByteMore() {
        goTo(MigrationState.RESUMING);
        migration().write(buffer, 0, 9_999);
        migration().write(buffer, 0, 1);
        assertThat(DeviceFixture.errno(() -> migration().write(buffer, 0, 1)))
                .isEqualTo(Errno.ENOSPC);
        migration().moveTo(MigrationState.STOP);
        migration().moveTo(MigrationState.RESUMING);
        migration().write(buffer, 0, LENGTH);
        assertThat(stream.positions).containsExactly(0L, 9_999L, 0L);
    }

    @Test
    void shouldRefuseDataInStatesWithoutAStream() {
        for (int number : COLUMNS) {
            var state = state(number);
            goTo(state);
            if (state != MigrationState.STOP_COPY && state != MigrationState.PRE_COPY) {
                assertThat(DeviceFixture.errno(() -> migration().read(buffer, 0, 1)))
                        .isEqualTo(Errno.EINVAL);
            }
            if (state != MigrationState.RESUMING) {
                assertThat(DeviceFixture.errno(() -> migration().write(buffer, 0, 1)))
                        .isEqualTo(Errno.EINVAL);
            }
        }
    }

    @Test
    void shouldRefuseRegionsInStopCopyAlone() {
        for (int number : COLUMNS) {
            goTo(state(number));
            if (state(number) == MigrationState.STOP_COPY) {
                assertThatThrownBy(() -> fixture.read(Region.BAR0, 0, 4))
                        .isInstanceOf(VfioException.class)
                        .hasMessageContaining("STOP_COPY");
                assertThat(DeviceFixture.errno(() -> fixture.writeConfig(0x3c, 1, 1)))
                        .isEqualTo(Errno.EINVAL);
            } else {
                assertThat(fixture.config(0, 4)).isEqualTo(0x5678_1234L);
            }
        }
    }

    @Test
    void shouldRunAgainForTheNextClient() {
        goTo(MigrationState.STOP_COPY);
        stream.transitions.clear();
        fixture.device.detach();
        fixture.device.attach(null);
        assertThat(migration().state()).isEqualTo(MigrationState.RUNNING);
        assertThat(stream.transitions).containsExactly("STOP_COPY>STOP", "STOP>RUNNING");
    }

    /** As the kernel's vfio-pci drivers do. */
    @Test
    void shouldRunAgainWhenTheDeviceIsReset() {
        for (int number : COLUMNS) {
            goTo(state(number));
            fixture.device.reset();
            assertThat(migration().state()).as("from %d", number).isEqualTo(MigrationState.RUNNING);
            assertThat(fixture.config(0, 4)).isEqualTo(0x5678_1234L);
        }
    }

    @Test
    void shouldRunAgainAfterAResetWhateverTheStreamSays() {
        goTo(MigrationState.RESUMING);
        stream.refused = MigrationState.STOP;
        fixture.device.reset();
        assertThat(migration().state()).isEqualTo(MigrationState.RUNNING);
    }

    /** What a stream puts into the device on its way out of RESUMING is not for the next client. */
    @Test
    void shouldLeaveNothingOfAStreamThatAClientDidNotFinish() {
        goTo(MigrationState.RESUMING);
        stream.leaving = () -> fixture.write(Region.BAR0, 0, 4, 0x1234_5678);
        fixture.device.detach();
        fixture.device.attach(null);
        stream.leaving = () -> {};
        assertThat(fixture.read(Region.BAR0, 0, 4)).isZero();
    }
}
