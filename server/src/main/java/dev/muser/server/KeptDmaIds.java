package dev.muser.server;

import dev.muser.device.state.StateArea;

/**
 * The ids of requests to the client that have no reply yet, for a successor: the replies come to
 * it, and mean nothing to it.
 */
final class KeptDmaIds {
    private static final int SLOTS = 64;
    static final int SIZE = 8 + 8 * SLOTS;

    // the id to be given next @0; then slots: an id and 1, or 0
    private final StateArea area;
    private final int at;

    KeptDmaIds(StateArea area, int at) {
        this.area = area;
        this.at = at;
    }

    /** Hot. */
    boolean hasRoom() {
        return find(0) >= 0;
    }

    /** Hot. Returns an id that no reply is awaited for. */
    int take() {
        int id = (int) area.getLong(at) & 0xffff;
        while (find(id + 1L) >= 0) {
            id = (id + 1) & 0xffff;
        }
        area.setLong(find(0), id + 1L);
        area.setLong(at, id + 1L);
        return id;
    }

    /** Hot. Notes a reply; returns whether it was awaited. */
    boolean answered(int id) {
        int slot = find(id + 1L);
        if (slot < 0) {
            return false;
        }
        area.setLong(slot, 0);
        return true;
    }

    private int find(long value) {
        for (int i = 0; i < SLOTS; i++) {
            int slot = at + 8 + 8 * i;
            if (area.getLong(slot) == value) {
                return slot;
            }
        }
        return -1;
    }
}
