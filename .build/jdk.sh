# Finds a JDK. Sourced by ./muser and ./test; POSIX sh, starts no process.

JDK_LEAST=25

# Sets jdk_version to the feature version of the JDK in folder $1, or fails.
jdk_version() {
    jdk_version=
    [ -n "$1" ] && [ -x "$1/bin/java" ] && [ -x "$1/bin/javac" ] && [ -r "$1/release" ] || return 1
    while IFS= read -r jdk_line || [ -n "$jdk_line" ]; do
        case $jdk_line in
        JAVA_VERSION=*)
            jdk_version=${jdk_line#JAVA_VERSION=}
            jdk_version=${jdk_version#\"}
            jdk_full=${jdk_version%%\"*}
            jdk_version=${jdk_full%%[!0-9]*}
            ;;
        esac
    done <"$1/release"
    [ -n "$jdk_version" ]
}

# Sets jdk_path to the home of command $1 on PATH, links resolved, or fails.
jdk_on_path() {
    jdk_path=$(command -v "$1" 2>/dev/null) && jdk_path=$(readlink -f "$jdk_path") || return 1
    jdk_path=${jdk_path%/bin/*}
}

# Sets JAVA_HOME to the first JDK that is new enough; else says in one line what there is, and fails.
find_jdk() {
    jdk_found=
    for jdk_home in "${JAVA_HOME-}" "${JDK25_HOME-}" javac java /usr/lib/jvm/* \
        "${HOME-}"/.sdkman/candidates/java/* "${HOME-}"/.jdks/*; do
        case $jdk_home in
        javac | java)
            jdk_on_path "$jdk_home" || continue
            jdk_home=$jdk_path
            ;;
        esac
        jdk_version "$jdk_home" || continue
        if [ "$jdk_version" -ge "$JDK_LEAST" ]; then
            JAVA_HOME=$jdk_home
            export JAVA_HOME
            return 0
        fi
        case " $jdk_found " in
        *" $jdk_full "*) ;;
        *) jdk_found="$jdk_found $jdk_full" ;;
        esac
    done
    echo "muser: a JDK $JDK_LEAST or later is needed${jdk_found:+, and there is only$jdk_found}:" \
        "'apt install openjdk-$JDK_LEAST-jdk-headless', 'dnf install java-$JDK_LEAST-openjdk-devel'," \
        "or set JAVA_HOME to one (looked there, in JDK25_HOME, PATH, /usr/lib/jvm, ~/.sdkman, ~/.jdks)" >&2
    return 1
}
