package dev.muser.testkit.guest;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import tools.jackson.jr.ob.JSON;

/** What a guest consists of. Made by {@link GuestVm#builder()}. */
public final class GuestVmBuilder {
    /** The Python modules that every Python script finds. */
    private static final List<String> PYTHON_MODULES =
            List.of("pci.py", "uio.py", "vfio.py", "disk.py");

    /**
     * 1 MiB at 64 MiB that Linux leaves alone: memory for DMA in a guest without an IOMMU, whose
     * address is known; {@code devmem} and {@code dd} on /dev/mem reach it. No random kernel
     * address, so that the kernel is never near it.
     */
    private static final String RESERVED = "nokaslr memmap=1M$0x4000000";

    private final List<String> devices = new ArrayList<>();
    private final List<String> qemuArguments = new ArrayList<>();
    private final List<String> kernelArguments = new ArrayList<>();
    private final List<String> modules = new ArrayList<>();
    private final List<String> loaded = new ArrayList<>();
    private final GuestFiles files = new GuestFiles();
    private MemoryBackend backend = MemoryBackend.MEMFD;
    private int mebibytes = 256;
    private int cpus = 1;
    private boolean storageTools;
    private boolean iommu;
    private boolean rebootable;
    private boolean scripted;
    private RunAs runAs = RunAs.self();
    private Duration patience = Duration.ofMinutes(3);
    private Duration messageTimeout = Duration.ofMinutes(1);
    private @Nullable Path logs;

    GuestVmBuilder() {}

    /** Where the guest's memory lives: a memfd by default. */
    public GuestVmBuilder memory(MemoryBackend backend) {
        this.backend = backend;
        return this;
    }

    /**
     * How much memory the guest has: 256 MiB by default.
     *
     * @param mebibytes at least 128
     */
    public GuestVmBuilder memorySize(int mebibytes) {
        if (mebibytes < 128) {
            throw new IllegalArgumentException(
                    mebibytes + " MiB of memory are not enough, the guest needs 128");
        }
        this.mebibytes = mebibytes;
        return this;
    }

    /** How many virtual CPUs the guest has: 1 by default, with which it boots fastest. */
    public GuestVmBuilder cpus(int count) {
        cpus = count;
        return this;
    }

    /** Gives the guest fio, nvme-cli, ext4 and what else a test of a disk needs. */
    public GuestVmBuilder storageTools() {
        storageTools = true;
        return this;
    }

    /**
     * Has the guest mount a disk, for example {@code /dev/nvme0n1}, and run the script there: the
     * disk holds a {@link Rig#diskImage()}, and the files that were put into the guest are copied
     * to it.
     */
    public GuestVmBuilder rootFileSystem(String device) {
        return storageTools().modules("nvme", "ext4").kernel("muser.root=" + device);
    }

    /** Gives the guest an IOMMU: it maps memory for devices page by page, and has vfio-pci. */
    public GuestVmBuilder iommu() {
        iommu = true;
        return this;
    }

    /**
     * How long QEMU waits for a reply of a vfio-user server, for the devices added after this: one
     * minute by default, QEMU's own default is 5 s.
     */
    public GuestVmBuilder messageTimeout(Duration timeout) {
        messageTimeout = timeout;
        return this;
    }

    /**
     * Adds the device that listens on a socket. It must listen before the guest is started, and the
     * user as whom QEMU runs must own the socket: see {@link RunAs#give}.
     */
    public GuestVmBuilder vfioUser(Path socket) {
        return vfioUser(socket, Map.of());
    }

    /** Adds the device that listens on a socket, with more of QEMU's properties. */
    public GuestVmBuilder vfioUser(Path socket, Map<String, ?> properties) {
        try {
            devices.add(JSON.std.asString(vfioUserProperties(socket, messageTimeout, properties)));
        } catch (RuntimeException e) {
            throw new IllegalArgumentException("not to be written as JSON: " + properties, e);
        }
        return this;
    }

    /** Returns a vfio-user device as {@link Qmp#deviceAdd} takes it. */
    public static Map<String, Object> vfioUserProperties(
            Path socket, Duration messageTimeout, Map<String, ?> properties) {
        var device = new LinkedHashMap<String, Object>();
        device.put("driver", "vfio-user-pci");
        device.put("socket", Map.of("type", "unix", "path", socket.toAbsolutePath().toString()));
        device.put("x-msg-timeout", messageTimeout.toMillis());
        device.putAll(properties);
        return device;
    }

    /** Adds arguments to QEMU's command line, before the vfio-user devices. */
    public GuestVmBuilder qemu(String... arguments) {
        qemuArguments.addAll(List.of(arguments));
        return this;
    }

    /** Adds arguments to the kernel's command line. */
    public GuestVmBuilder kernel(String... arguments) {
        kernelArguments.addAll(List.of(arguments));
        return this;
    }

    /** Has the guest load kernel modules before the script starts. */
    public GuestVmBuilder modules(String... names) {
        modules.addAll(List.of(names));
        loaded.addAll(List.of(names));
        return this;
    }

    /** Brings kernel modules into the guest, for the script to load. */
    public GuestVmBuilder availableModules(String... names) {
        modules.addAll(List.of(names));
        return this;
    }

    /** What runs in the guest: a shell script if it does not say otherwise by {@code #!}. */
    public GuestVmBuilder script(String content) {
        var text = content.startsWith("#!") ? content : "#!/bin/sh\n" + content;
        scripted = true;
        return file("/test", text.getBytes(StandardCharsets.UTF_8));
    }

    /**
     * Runs a Python script of the testkit, for example {@code edu.py}, with arguments that have no
     * blanks.
     */
    public GuestVmBuilder python(String resource, String... arguments) {
        try {
            return python(resource, GuestFiles.resource(resource), arguments);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Runs a Python script, which can import the testkit's pci, uio, vfio and disk. */
    public GuestVmBuilder python(String name, byte[] content, String... arguments) {
        try {
            for (var module : PYTHON_MODULES) {
                file("/root/" + module, GuestFiles.resource(module));
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        file("/root/" + name, content);
        return script("exec python3 /root/" + name + " " + String.join(" ", arguments) + "\n");
    }

    /** Puts an executable file into the guest, at an absolute path. */
    public GuestVmBuilder file(String path, byte[] content) {
        files.put(path, content);
        return this;
    }

    /** Lets the guest reboot, where otherwise QEMU ends: a panic then hangs. */
    public GuestVmBuilder rebootable() {
        rebootable = true;
        return this;
    }

    /** As whom QEMU runs: as the JVM's user by default. */
    public GuestVmBuilder runAs(RunAs runAs) {
        this.runAs = runAs;
        return this;
    }

    /** How long to wait where no time is given: 3 minutes by default, a boot takes seconds. */
    public GuestVmBuilder patience(Duration patience) {
        this.patience = patience;
        return this;
    }

    /** Keeps console.log, kernel.log and qemu.log in a directory when the guest is closed. */
    public GuestVmBuilder logs(Path directory) {
        logs = directory;
        return this;
    }

    /**
     * Starts the guest; returns when QEMU runs, which has then connected to all devices.
     *
     * @throws GuestVmException when there is no rig, or QEMU ends, with what it said
     */
    public GuestVm start() {
        if (!scripted) {
            throw new IllegalStateException("the guest has nothing to do: give it a script");
        }
        file("/etc/modules", String.join("\n", loaded).getBytes(StandardCharsets.UTF_8));
        file("/etc/files", files.list().getBytes(StandardCharsets.UTF_8));
        return GuestVm.start(this, Rig.get());
    }

    /**
     * Returns QEMU's arguments.
     *
     * @param run the directory for what QEMU creates
     */
    List<String> arguments(Path run) {
        var list = new ArrayList<String>();
        // TCG, since a stock kernel does not boot on every KVM; it boots in seconds all the same.
        add(list, "-machine q35 -accel tcg -cpu max -nodefaults -no-user-config -display none");
        add(list, "-m " + mebibytes + "M -smp " + cpus);
        var memory = "id=ram,size=" + mebibytes + "M";
        switch (backend) {
            case MEMFD -> list.addAll(ram("memory-backend-memfd," + memory + ",share=on"));
            case FILE ->
                    list.addAll(
                            ram(
                                    "memory-backend-file,%s,share=on,mem-path=%s"
                                            .formatted(memory, run.resolve("ram"))));
            case PRIVATE -> list.addAll(ram("memory-backend-ram," + memory + ",share=off"));
        }
        if (iommu) {
            add(list, "-device intel-iommu,caching-mode=on");
        }
        if (!rebootable) {
            list.add("-no-reboot");
        }
        add(list, "-kernel vmlinuz");
        list.addAll(List.of("-initrd", run.resolve("initrd").toString()));
        list.addAll(List.of("-append", kernelCommandLine()));
        add(list, "-serial stdio");
        list.addAll(List.of("-serial", "file:" + run.resolve("kernel.log")));
        list.addAll(List.of("-qmp", "unix:" + run.resolve("qmp") + ",server=on,wait=off"));
        list.addAll(qemuArguments);
        for (var device : devices) {
            list.addAll(List.of("-device", device));
        }
        return list;
    }

    private String kernelCommandLine() {
        var line = new ArrayList<>(List.of("console=ttyS1", "quiet", RESERVED));
        line.add(rebootable ? "panic=0" : "panic=-1");
        if (iommu) {
            line.add("intel_iommu=on");
        }
        line.addAll(kernelArguments);
        return String.join(" ", line);
    }

    private static List<String> ram(String object) {
        return List.of("-object", object, "-machine", "memory-backend=ram");
    }

    private static void add(List<String> list, String words) {
        list.addAll(List.of(words.split(" ", -1)));
    }

    GuestFiles files() {
        return files;
    }

    boolean hasStorageTools() {
        return storageTools;
    }

    List<String> moduleNames() {
        return modules;
    }

    RunAs runAs() {
        return runAs;
    }

    Duration patience() {
        return patience;
    }

    @Nullable Path logs() {
        return logs;
    }
}
