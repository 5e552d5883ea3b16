package dev.muser.cli;

import dev.muser.devices.DeviceModel;
import dev.muser.devices.Devices;
import java.util.Iterator;

/** The names of the devices, to be completed on a command line. */
final class DeviceNames implements Iterable<String> {

    @Override
    public Iterator<String> iterator() {
        return Devices.all().stream().map(DeviceModel::name).iterator();
    }

    /**
     * Returns the device of that name.
     *
     * @throws UserError with the name that comes nearest, when there is none
     */
    static DeviceModel find(String name) {
        return Devices.find(name).orElseThrow(() -> unknown(name));
    }

    private static UserError unknown(String name) {
        var message = new StringBuilder("there is no device '").append(name).append('\'');
        int best = Integer.MAX_VALUE;
        var nearest = "";
        for (var model : Devices.all()) {
            int edits = Spelling.edits(name, model.name());
            if (edits < best
                    && (Spelling.isNear(name, model.name()) || model.name().startsWith(name))) {
                best = edits;
                nearest = model.name();
            }
        }
        if (!nearest.isEmpty()) {
            message.append(": did you mean ").append(nearest).append('?');
        }
        return new UserError(message + " ('muser devices' lists them)");
    }
}
