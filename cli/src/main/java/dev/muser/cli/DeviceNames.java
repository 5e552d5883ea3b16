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
        int best = Math.max(2, name.length() / 2) + 1; // edits; beyond that it is another word
        var nearest = "";
        for (var model : Devices.all()) {
            int edits = edits(name, model.name());
            if (edits < best || model.name().startsWith(name)) {
                best = edits;
                nearest = model.name();
            }
        }
        if (!nearest.isEmpty()) {
            message.append(": did you mean ").append(nearest).append('?');
        }
        return new UserError(message + " ('muser devices' lists them)");
    }

    /** Returns how many letters have to be added, removed or changed: Levenshtein's distance. */
    private static int edits(String from, String to) {
        var row = new int[to.length() + 1];
        for (int j = 0; j <= to.length(); j++) {
            row[j] = j;
        }
        for (int i = 1; i <= from.length(); i++) {
            int diagonal = row[0];
            row[0] = i;
            for (int j = 1; j <= to.length(); j++) {
                int changed = diagonal + (from.charAt(i - 1) == to.charAt(j - 1) ? 0 : 1);
                diagonal = row[j];
                row[j] = Math.min(changed, 1 + Math.min(row[j], row[j - 1]));
            }
        }
        return row[to.length()];
    }
}
