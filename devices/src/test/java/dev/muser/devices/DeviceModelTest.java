package dev.muser.devices;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.muser.device.pci.Device;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class DeviceModelTest {
    private static final List<DeviceOption> OPTIONS =
            List.of(
                    DeviceOption.integer("queues", "how many queues", 4, 1, 64),
                    DeviceOption.flag("msix", "whether it has MSI-X", true),
                    DeviceOption.choice("speed", "of the link", "fast", List.of("slow", "fast")),
                    DeviceOption.text("serial", "the serial number", "M1", 20));

    private static OptionValues choose(Map<String, String> chosen) {
        var seen = new OptionValues[1];
        new DeviceModel(
                        "toy",
                        "a toy",
                        OPTIONS,
                        values -> {
                            seen[0] = values;
                            return context -> new Device() {};
                        })
                .factory(chosen);
        return seen[0];
    }

    @Test
    void shouldGiveEveryOptionItsDefault() {
        var values = choose(Map.of());

        assertThat(values.integer("queues")).isEqualTo(4);
        assertThat(values.flag("msix")).isTrue();
        assertThat(values.text("speed")).isEqualTo("fast");
        assertThat(values.text("serial")).isEqualTo("M1");
    }

    @Test
    void shouldTakeWhatWasChosen() {
        var values =
                choose(Map.of("queues", "0x20", "msix", "false", "speed", "slow", "serial", ""));

        assertThat(values.integer("queues")).isEqualTo(32);
        assertThat(values.flag("msix")).isFalse();
        assertThat(values.text("speed")).isEqualTo("slow");
        assertThat(values.text("serial")).isEmpty();
    }

    @Test
    void shouldRefuseAnOptionThatTheDeviceDoesNotHave() {
        assertThatThrownBy(() -> choose(Map.of("colour", "red")))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage(
                        "device toy has no option 'colour': it has queues, msix, speed, serial");
        assertThatThrownBy(() ->
                        DeviceModel.of("plain", "no options", c -> new Device() {})
                                .factory(Map.of("colour", "red")))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("device plain has no option 'colour': it has none");
    }

    @Test
    void shouldRefuseValuesOutsideWhatAnOptionAccepts() {
        assertThatThrownBy(() -> choose(Map.of("queues", "65")))
                .hasMessage("option queues of device toy: '65' is not an integer from 1 to 64");
        assertThatThrownBy(() -> choose(Map.of("queues", "many")))
                .hasMessageContaining("'many' is not an integer from 1 to 64");
        assertThatThrownBy(() -> choose(Map.of("msix", "yes")))
                .hasMessageContaining("'yes' is not one of true, false");
        assertThatThrownBy(() -> choose(Map.of("serial", "x".repeat(21))))
                .hasMessageContaining("is not up to 20 printable ASCII characters");
    }

    @Test
    void shouldRefuseADefaultThatTheOptionDoesNotAccept() {
        assertThatThrownBy(() -> DeviceOption.integer("queues", "how many", 0, 1, 64))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("default '0' of option queues is not an integer from 1 to 64");
    }

    @Test
    void shouldFindEveryShippedDeviceByItsOwnName() {
        var names = new HashSet<String>();
        for (var model : Devices.all()) {
            assertThat(Devices.find(model.name())).contains(model);
            assertThat(names.add(model.name())).as(model.name()).isTrue();
            model.factory(Map.of());
        }
        assertThat(Devices.find("no-such-device")).isEmpty();
    }
}
