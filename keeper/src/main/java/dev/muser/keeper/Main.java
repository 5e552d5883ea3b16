package dev.muser.keeper;

import dev.muser.linux.SyscallException;

/** The keeper as a program: see {@link Options#USAGE}. */
public final class Main {
    private Main() {}

    /** Runs a keeper until its device process has ended for good; does not return. */
    public static void main(String[] arguments) {
        int code;
        try (var keeper = new Keeper(Options.parse(arguments, System.getenv()))) {
            code = keeper.run();
        } catch (IllegalArgumentException e) {
            Words.say(String.valueOf(e.getMessage()));
            Words.say(Options.USAGE);
            code = Keeper.USAGE;
        } catch (SyscallException e) {
            Words.say(String.valueOf(e.getMessage()));
            code = Keeper.FAILED;
        }
        Runtime.getRuntime().halt(code);
    }
}
