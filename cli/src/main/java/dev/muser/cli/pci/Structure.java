package dev.muser.cli.pci;

import java.util.List;

/**
 * A capability in words.
 *
 * @param offset where it is in configuration space
 * @param id its capability ID
 * @param extended whether it is one of PCI Express's extended configuration space
 * @param name what it is
 * @param rows what its registers say
 */
public record Structure(int offset, int id, boolean extended, String name, List<Row> rows) {

    public Structure {
        rows = List.copyOf(rows);
    }
}
