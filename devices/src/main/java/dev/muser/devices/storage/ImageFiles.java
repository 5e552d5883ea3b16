package dev.muser.devices.storage;

import dev.muser.linux.DiskFile;
import dev.muser.linux.Fd;
import dev.muser.linux.SyscallException;
import java.nio.file.Path;

/** Who opens images: in a sandbox it may be somebody outside. Any thread. */
public interface ImageFiles {
    /** The caller's own thread. */
    ImageFiles OWN =
            new ImageFiles() {
                @Override
                public Fd open(Path path, int flags) {
                    return DiskFile.open(path, flags);
                }

                @Override
                public boolean delete(Path path) {
                    return path.toFile().delete();
                }
            };

    /**
     * Opens a file as {@link DiskFile#open} does.
     *
     * @param flags bits of {@link DiskFile}
     * @throws SyscallException when it cannot be opened
     */
    Fd open(Path path, int flags);

    /** Deletes a file that was made a moment ago, and is of no use; returns whether it could. */
    boolean delete(Path path);
}
