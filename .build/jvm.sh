# The JVM's options. Sourced by ./muser.

# Sets jvm_options for a part of the command: serve, nvme, keeper or other.
#
# nvme: a disk with 4,096 commands under way has 4 MiB of them (measured; some 25 is what they can come to, each
# with its data scattered over many pages), which then stay. A small young generation keeps what a collection
# copies small, and so its pause.
# keeper: it has next to nothing to do, and a compiler would be most of its memory (45 MiB instead of 36).
# MaxDirectMemorySize: buffers of sessions, some 2 MiB for each client that sends the largest messages; as much as
# -Xmx otherwise, and then thirty such clients would leave nothing for the others.
# ArchiveRelocationMode=0: the cache stays where it was made for, so that its pages are the file's and are
# shared by all servers (11 MiB less of private memory for each).
jvm_options() {
    case $1 in
    serve) jvm_options="-Xms2m -Xmn512k -Xmx64m" ;;
    nvme) jvm_options="-Xms4m -Xmn1m -Xmx512m" ;;
    keeper) jvm_options="-Xint -Xms1m -Xmn512k -Xmx16m" ;;
    *) jvm_options="-Xms8m -Xmx64m" ;;
    esac
    jvm_options="-XX:+UseSerialGC $jvm_options -Xss512k -XX:ReservedCodeCacheSize=48m -XX:-UsePerfData -XX:MaxDirectMemorySize=4g
        -XX:+UnlockDiagnosticVMOptions -XX:ArchiveRelocationMode=0
        -Xlog:disable -Xlog:all=error,aot*=off,cds*=off:stderr
        --enable-native-access=dev.muser.linux"
}
