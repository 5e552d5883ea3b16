package dev.muser.keeper;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class AncestryTest {
    @Test
    void shouldKnowWhoStartedWhom() throws Exception {
        long self = ProcessHandle.current().pid();
        // a name that looks like the end of a name
        var child = new ProcessBuilder("sh", "-c", "echo ') R 1' >/proc/$$/comm; sleep 100; :");
        var process = child.start();
        try {
            while (process.children().findAny().isEmpty()) {
                Thread.onSpinWait();
            }
            long grandchild = process.children().findAny().orElseThrow().pid();
            assertThat(Ancestry.isBelow(process.pid(), self)).isTrue();
            assertThat(Ancestry.isBelow(grandchild, self)).isTrue();
            assertThat(Ancestry.isBelow(grandchild, process.pid())).isTrue();
            assertThat(Ancestry.isBelow(self, process.pid())).isFalse();
            assertThat(Ancestry.isBelow(self, self)).isFalse();
            assertThat(Ancestry.isBelow(1, self)).isFalse();
            assertThat(Ancestry.isBelow(Integer.MAX_VALUE, self)).isFalse();
        } finally {
            process.descendants().forEach(ProcessHandle::destroyForcibly);
            process.destroyForcibly().waitFor();
        }
    }
}
