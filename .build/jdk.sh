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

# Sets JAVA_HOME to the first JDK that is new enough; else says what there is, and fails.
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
        case $jdk_found in
        *"$jdk_home
"*) ;;
        *) jdk_found="$jdk_found  JDK $jdk_full in $jdk_home
" ;;
        esac
    done
    {
        echo "Muser needs a JDK of version $JDK_LEAST or later, and none was found."
        if [ -n "$jdk_found" ]; then
            echo "Found, but too old:"
            printf %s "$jdk_found"
        fi
        echo "Looked in JAVA_HOME, JDK25_HOME, PATH, /usr/lib/jvm, ~/.sdkman and ~/.jdks. To install one:"
        echo "  Debian 13, Ubuntu:  apt install openjdk-25-jdk-headless"
        echo "  Fedora:             dnf install java-25-openjdk-devel"
        echo "  anywhere:           unpack a JDK 25 below ~/.jdks, or set JAVA_HOME to one"
    } >&2
    return 1
}
