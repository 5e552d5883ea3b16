# Builds what ./muser runs. Sourced by ./muser; needs JAVA_HOME and muser_root.
#
#   cli/target/lib        the modules, as Maven makes them
#   cli/target/images/N   a copy that is never changed, so that what runs from it is not disturbed
#     lib/                the modules
#     serve.aot, nvme.aot, keeper.aot, other.aot  classes and profiles of training runs (JEP 483, 514, 515)
#   cli/target/stamp      its time: when the build began; its lines: N, and the JDK

image_base=$muser_root/cli/target
image_stamp=$image_base/stamp

# Sets image to the folder of what was built last, or fails. Starts no process.
image_find() {
    [ -r "$image_stamp" ] || return 1
    { IFS= read -r image_name && IFS= read -r image_jdk; } <"$image_stamp" || return 1
    image=$image_base/images/$image_name
    [ "$image_jdk" = "$JAVA_HOME" ] && [ -d "$image" ]
}

# The same, but fails also when a source is newer. Starts one process.
image_is_current() {
    image_find && [ -z "$(find "$muser_root/pom.xml" "$muser_root"/*/pom.xml "$muser_root"/*/src/main \
        "$muser_root/muser" "$muser_root/.build" -newer "$image_stamp" -print -quit)" ]
}

# Builds the image, unless another process does so meanwhile, and sets image. In a subshell, for what it
# opens: a descriptor that the caller hands to 'muser serve --fd' keeps its number and its file.
image_build() {
    (image_build_alone </dev/null) && image_find
}

image_build_alone() {
    command -v mvn >/dev/null || {
        echo "muser: Maven is needed to build: apt install maven, or put mvn on PATH" >&2
        return 2
    }
    mkdir -p "$image_base/images" 2>/dev/null && [ -w "$image_base/images" ] || {
        echo "muser: it must be built, and this user cannot write $image_base: build it as its owner" >&2
        return 2
    }
    exec 9>"$image_base/images/lock"
    flock 9
    if ! image_is_current; then # nobody built it while this process waited
        echo "muser: building (a minute at first)" >&2
        touch "$image_base/images/begun"
        rm -rf "$image_base/lib"
        (cd "$muser_root" && mvn -B -pl cli -am -DskipTests package) \
            >"$image_base/images/log" 2>&1 9>&- || {
            grep -E '^\[(WARNING|ERROR)\]' "$image_base/images/log" >&2
            echo "muser: the build failed; all that Maven said is in $image_base/images/log" >&2
            return 2
        }
        image_name=$(date +%s)-$$
        image=$image_base/images/$image_name
        mkdir "$image" && cp -r "$image_base/lib" "$image/lib" || return 2
        image_modernise
        image_train
        printf '%s\n%s\n' "$image_name" "$JAVA_HOME" >"$image_base/images/stamp"
        touch -r "$image_base/images/begun" "$image_base/images/stamp"
        mv "$image_base/images/stamp" "$image_stamp"
        image_tidy
    fi
}

# Picocli's classes are of a format (Java 5) that the cache does not take.
image_modernise() {
    for image_jar in "$image"/lib/picocli-*.jar; do
        "$JAVA_HOME/bin/java" -XX:+UseSerialGC -XX:TieredStopAtLevel=1 \
            "$muser_root/.build/Modernise.java" "$image_jar" "$image/new.jar" \
            >"$image/modernise.log" 2>&1 9>&- &&
            mv "$image/new.jar" "$image_jar"
    done
}

# Without the cache everything works, only the start takes longer.
image_train() {
    image_socket=$image/s # short: a socket has 107 bytes for its path, and for that of its control
    image_record serve serve edu --may-start-programs --warm-up 2s --until-stdin-closes -q --socket-path "$image_socket"
    # A JVM starts another to write the cache: hence --may-start-programs.
    # The driver is another process, lest its classes be in the disk's; the disk ends with it.
    jvm_options other
    "$JAVA_HOME/bin/java" $jvm_options -p "$image/lib" -m dev.muser.cli/dev.muser.cli.Main \
        train --drive "$image_socket" 2>"$image/driver.log" 9>&- |
        image_record nvme serve nvme --may-start-programs --memory 64M --until-stdin-closes -q --socket-path "$image_socket"
    image_record other train
    image_train_keeper
}

# Its device process dies, is started again, and dies once more.
image_train_keeper() {
    jvm_options keeper
    "$JAVA_HOME/bin/java" $jvm_options -XX:AOTCacheOutput="$image/keeper.aot" -p "$image/lib" \
        -m dev.muser.keeper/dev.muser.keeper.Main --deaths=2 -- /bin/sh -c 'kill -9 $$' \
        >"$image/keeper.log" 2>&1 9>&-
    [ -f "$image/keeper.aot" ] ||
        echo "muser: the training run failed, see $image/keeper.log; muser works, but starts slower" >&2
}

# Makes the cache of part $1 from a run with the other arguments.
image_record() {
    image_part=$1
    shift
    jvm_options "$image_part"
    "$JAVA_HOME/bin/java" $jvm_options -XX:AOTCacheOutput="$image/$image_part.aot" \
        -p "$image/lib" -m dev.muser.cli/dev.muser.cli.Main "$@" \
        >"$image/$image_part.log" 2>&1 9>&- ||
        echo "muser: the training run failed, see $image/$image_part.log; muser works, but starts slower" >&2
}

# Removes all images but this one and the one before it, from which something may run.
image_tidy() {
    image_kept=0
    for image_old in $(cd "$image_base/images" && ls -dr [0-9]*-*); do
        image_kept=$((image_kept + 1))
        [ "$image_kept" -le 2 ] || rm -rf "$image_base/images/$image_old"
    done
}
