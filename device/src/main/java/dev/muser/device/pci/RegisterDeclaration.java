package dev.muser.device.pci;

/** Declares one of several registers of the same kind. */
@FunctionalInterface
public interface RegisterDeclaration {
    /**
     * @param index which one, from 0
     * @param register its name, place and width are set; sets options and makes the register
     */
    Register declare(int index, RegisterBuilder register);
}
