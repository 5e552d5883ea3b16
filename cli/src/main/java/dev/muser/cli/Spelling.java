package dev.muser.cli;

/** How far a word is from another that may have been meant. */
public final class Spelling {
    private Spelling() {}

    /** Whether {@code meant} may be what somebody wanted who typed {@code typed}. */
    public static boolean isNear(String typed, String meant) {
        return edits(typed, meant) <= Math.max(2, typed.length() / 2);
    }

    /** Returns how many letters have to be added, removed or changed: Levenshtein's distance. */
    public static int edits(String from, String to) {
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
