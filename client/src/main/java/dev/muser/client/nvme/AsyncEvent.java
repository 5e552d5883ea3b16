package dev.muser.client.nvme;

/**
 * What an Asynchronous Event Request told (NVMe base 1.4, 5.2).
 *
 * @param type 0 error, 1 SMART / health, 2 notice, 6 I/O command set, 7 vendor
 * @param information what of that type
 * @param logPage the log page that says more; reading it lets such events come again
 */
public record AsyncEvent(int type, int information, int logPage) {
    public static final int ERROR = 0;
    public static final int HEALTH = 1;
    public static final int NOTICE = 2;

    /** Information of a {@link #NOTICE}: a namespace has come, gone or changed. */
    public static final int NAMESPACE_CHANGED = 0;

    static AsyncEvent of(int dw0) {
        return new AsyncEvent(dw0 & 7, dw0 >>> 8 & 0xff, dw0 >>> 16 & 0xff);
    }
}
