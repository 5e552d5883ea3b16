package dev.muser.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class UserAccountTest {
    private static final List<String> PASSWD =
            List.of(
                    "root:x:0:0:root:/root:/bin/bash",
                    "muser:x:990:991:devices:/nonexistent:/usr/sbin/nologin",
                    "broken");
    private static final List<String> GROUP =
            List.of("root:x:0:", "disk:x:6:backup,muser", "kvm:x:106:muser", "musers:x:7:musers");

    private static UserAccount parse(String text) {
        return UserAccount.parse(text, PASSWD, GROUP);
    }

    @Test
    void shouldFindAUserWithAllGroups() {
        assertThat(parse("muser")).isEqualTo(new UserAccount(990, 991, Set.of(6, 106)));
        assertThat(parse("root")).isEqualTo(new UserAccount(0, 0, Set.of()));
    }

    @Test
    void shouldTakeNumbers() {
        assertThat(parse("990")).isEqualTo(new UserAccount(990, 991, Set.of()));
        assertThat(parse("5:6")).isEqualTo(new UserAccount(5, 6, Set.of()));
        assertThat(parse("4294967294:0")).isEqualTo(new UserAccount(-2, 0, Set.of()));
    }

    @ParameterizedTest
    @CsvSource({
        "nobody, there is no user 'nobody' in /etc/passwd: say UID:GID",
        "'', there is no user '' in /etc/passwd: say UID:GID",
        "17, '''17'' is not in /etc/passwd: say UID:GID'",
        "4294967295:0, '''4294967295:0'' is not NAME, UID or UID:GID'",
        "1:, '''1:'' is not NAME, UID or UID:GID'",
        "1:2:3, '''1:2:3'' is not NAME, UID or UID:GID'",
        "-1:1, '''-1:1'' is not NAME, UID or UID:GID'",
    })
    void shouldRefuse(String text, String complaint) {
        assertThatThrownBy(() -> parse(text))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage(complaint);
    }
}
