# The JVM's options. Sourced by ./muser.

# Sets jvm_options for a part of the command: serve or other.
#
# ArchiveRelocationMode=0: the cache stays where it was made for, so that its pages are the file's and are
# shared by all servers (11 MiB less of private memory for each).
jvm_options() {
    case $1 in
    serve) jvm_options="-Xms3m -Xmn1m" ;;
    *) jvm_options="-Xms8m" ;;
    esac
    jvm_options="-XX:+UseSerialGC $jvm_options -Xmx64m -Xss512k -XX:ReservedCodeCacheSize=48m -XX:-UsePerfData
        -XX:+UnlockDiagnosticVMOptions -XX:ArchiveRelocationMode=0
        -Xlog:disable -Xlog:all=error,aot*=off,cds*=off:stderr
        --enable-native-access=dev.muser.linux"
}
