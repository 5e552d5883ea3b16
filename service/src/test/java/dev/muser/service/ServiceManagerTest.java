package dev.muser.service;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import dev.muser.linux.EventFd;
import dev.muser.linux.MonotonicClock;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class ServiceManagerTest {
    private static final long PID = ProcessHandle.current().pid();

    @Test
    void shouldBeNobodyWithoutVariables() {
        try (var nobody = ServiceManager.of(Map.of(), PID)) {
            assertThat(nobody.isPresent()).isFalse();
            assertThat(nobody.store()).isSameAs(DescriptorStore.NONE);
            assertThat(nobody.listening()).isEmpty();
            assertThat(nobody.everything()).isEmpty();
            assertThat(nobody.standby()).isNull();
            assertThat(nobody.lifeline()).isNull();
            assertThat(nobody.watchdogInterval()).isZero();
            nobody.ready("serving");
            nobody.stopping();
        }
    }

    @Test
    void shouldSayWhatTheProtocolHas() {
        try (var socket = new ManagerSocket();
                var manager = ServiceManager.of(Map.of("NOTIFY_SOCKET", socket.address), PID)) {
            assertThat(manager.isPresent()).isTrue();
            manager.ready("serves /run/a.sock\nMAINPID=1");
            manager.status("x".repeat(5000));
            manager.watchdog();
            manager.stopping();
            manager.mainPid(77);
            long before = MonotonicClock.microseconds();
            manager.reloading();
            long after = MonotonicClock.microseconds();
            var texts = socket.received();
            assertThat(texts.subList(0, 5))
                    .containsExactly(
                            "READY=1\nSTATUS=serves /run/a.sock MAINPID=1",
                            "STATUS=" + "x".repeat(1000),
                            "WATCHDOG=1",
                            "STOPPING=1",
                            "MAINPID=77");
            var prefix = "RELOADING=1\nMONOTONIC_USEC=";
            assertThat(texts.get(5)).startsWith(prefix);
            assertThat(Long.parseLong(texts.get(5).substring(prefix.length())))
                    .isBetween(before, after);
        }
    }

    @Test
    void shouldHaveAStoreOnlyWhereTheManagerKeepsOne() {
        try (var socket = new ManagerSocket()) {
            for (var none : List.of("0", "")) {
                var environment = Map.of("NOTIFY_SOCKET", socket.address, "FDSTORE", none);
                try (var manager = ServiceManager.of(environment, PID)) {
                    assertThat(manager.store()).isSameAs(DescriptorStore.NONE);
                }
            }
            var environment = Map.of("NOTIFY_SOCKET", socket.address, "FDSTORE", "16");
            try (var manager = ServiceManager.of(environment, PID);
                    var event = EventFd.create()) {
                manager.store().put("irq", event);
                assertThat(manager.everything())
                        .extracting(NamedDescriptor::name)
                        .containsExactly(".irq");
            }
            assertThat(socket.received()).hasSize(1);
        }
    }

    @Test
    void shouldHaveAWatchdogOnlyWhenItIsForThisProcess() {
        var mine = Map.of("WATCHDOG_USEC", "2500000", "WATCHDOG_PID", Long.toString(PID));
        var anybodys = Map.of("WATCHDOG_USEC", "2500000");
        var anothers = Map.of("WATCHDOG_USEC", "2500000", "WATCHDOG_PID", "1");
        assertThat(interval(mine)).isEqualTo(Duration.ofMillis(2500));
        assertThat(interval(anybodys)).isEqualTo(Duration.ofMillis(2500));
        assertThat(interval(anothers)).isZero();
        assertThat(interval(Map.of("WATCHDOG_USEC", "18446744073709551615"))).isPositive();
    }

    private static Duration interval(Map<String, String> environment) {
        try (var manager = ServiceManager.of(environment, PID)) {
            return manager.watchdogInterval();
        }
    }

    @Test
    void shouldSayWhichVariableIsWrong() {
        var pid = Long.toString(PID);
        assertThatIllegalArgumentException()
                .isThrownBy(() -> ServiceManager.of(Map.of("WATCHDOG_USEC", "soon"), PID))
                .withMessageContaining("WATCHDOG_USEC=soon");
        for (var bad : List.of("-1", "many", "2000000", "99999999999")) {
            var environment = Map.of("LISTEN_PID", pid, "LISTEN_FDS", bad);
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> ServiceManager.of(environment, PID))
                    .withMessageContaining("LISTEN_FDS=" + bad);
        }
        var environment = Map.of("LISTEN_PID", pid, "LISTEN_FDS", "2", "LISTEN_FDNAMES", "a:b:c");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> ServiceManager.of(environment, PID))
                .withMessageContaining("has 3 names");
    }

    @Test
    void shouldTakeNoDescriptorsThatAreMeantForAnother() {
        var environment =
                Map.of(
                        "LISTEN_PID",
                        "1",
                        "LISTEN_FDS",
                        "3",
                        "LISTEN_FDNAMES",
                        "a:b:c",
                        "MUSER_LIFELINE_FD",
                        "1",
                        "MUSER_STANDBY_FD",
                        "2");
        try (var manager = ServiceManager.of(environment, PID)) {
            assertThat(manager.listening()).isEmpty();
            assertThat(manager.lifeline()).isNull();
            assertThat(manager.standby()).isNull();
        }
    }

    @Test
    void shouldSplitNames() {
        assertThat(InheritedDescriptors.names(3, "a::c")).containsExactly("a", "", "c");
        assertThat(InheritedDescriptors.names(2, null)).containsExactly("unknown", "unknown");
        assertThat(InheritedDescriptors.names(0, "")).isEmpty();
        assertThat(InheritedDescriptors.names(1, "")).containsExactly("");
    }
}
