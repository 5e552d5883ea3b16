package dev.muser.device;

/** What to do with interrupts ({@code VFIO_IRQ_SET_ACTION_*}). */
public enum IrqAction {
    MASK,
    UNMASK,
    TRIGGER
}
