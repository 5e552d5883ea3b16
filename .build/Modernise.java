import java.io.IOException;
import java.lang.classfile.ClassFile;
import java.lang.classfile.ClassFile.ConstantPoolSharingOption;
import java.lang.classfile.ClassFile.StackMapsOption;
import java.lang.classfile.ClassFileVersion;
import java.lang.classfile.ClassTransform;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collections;
import java.util.jar.JarFile;
import java.util.jar.JarOutputStream;
import java.util.zip.ZipEntry;

/**
 * Rewrites the old classes of a jar in the format of Java 21, with stack maps: the ahead-of-time
 * cache leaves out classes from before Java 6, and then a third of the start is spent on loading
 * them. What the classes do stays the same.
 *
 * <pre>
 * java Modernise.java OLD.jar NEW.jar
 * </pre>
 */
final class Modernise {
    private static final int WITH_STACK_MAPS = 51;
    private static final int JAVA_21 = 65;

    // A new constant pool, since code that shares the old one is copied as it is, without maps.
    private static final ClassFile CLASS_FILE =
            ClassFile.of(
                    StackMapsOption.GENERATE_STACK_MAPS, ConstantPoolSharingOption.NEW_POOL);

    private static final ClassTransform TRANSFORM =
            ClassTransform.transformingMethodBodies((code, element) -> code.with(element))
                    .andThen(
                            (builder, element) -> {
                                if (element instanceof ClassFileVersion) {
                                    builder.withVersion(JAVA_21, 0);
                                } else {
                                    builder.with(element);
                                }
                            });

    private Modernise() {}

    public static void main(String[] arguments) throws IOException {
        try (var from = new JarFile(arguments[0]);
                var to = new JarOutputStream(Files.newOutputStream(Path.of(arguments[1])))) {
            for (var entry : Collections.list(from.entries())) {
                var bytes = from.getInputStream(entry).readAllBytes();
                if (entry.getName().endsWith(".class")) {
                    bytes = modernise(bytes);
                }
                to.putNextEntry(new ZipEntry(entry.getName()));
                to.write(bytes);
                to.closeEntry();
            }
        }
    }

    private static byte[] modernise(byte[] bytes) {
        var model = CLASS_FILE.parse(bytes);
        return model.majorVersion() >= WITH_STACK_MAPS || model.isModuleInfo()
                ? bytes
                : CLASS_FILE.transformClass(model, TRANSFORM);
    }
}
