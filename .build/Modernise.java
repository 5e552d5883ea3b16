import java.io.IOException;
import java.lang.classfile.ClassFile;
import java.lang.classfile.ClassFile.ClassHierarchyResolverOption;
import java.lang.classfile.ClassFile.ConstantPoolSharingOption;
import java.lang.classfile.ClassFile.StackMapsOption;
import java.lang.classfile.ClassFileVersion;
import java.lang.classfile.ClassHierarchyResolver;
import java.lang.classfile.ClassTransform;
import java.net.URL;
import java.net.URLClassLoader;
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
        var url = Path.of(arguments[0]).toUri().toURL();
        try (var relatives = new URLClassLoader(new URL[] {url});
                var from = new JarFile(arguments[0]);
                var to = new JarOutputStream(Files.newOutputStream(Path.of(arguments[1])))) {
            var classFile = classFile(relatives);
            for (var entry : Collections.list(from.entries())) {
                var bytes = from.getInputStream(entry).readAllBytes();
                if (entry.getName().endsWith(".class")) {
                    bytes = modernise(classFile, bytes);
                }
                to.putNextEntry(new ZipEntry(entry.getName()));
                to.write(bytes);
                to.closeEntry();
            }
        }
    }

    /** With a new constant pool, since code that shares the old one is copied without maps. */
    private static ClassFile classFile(ClassLoader relatives) {
        return ClassFile.of(
                StackMapsOption.GENERATE_STACK_MAPS,
                ConstantPoolSharingOption.NEW_POOL,
                ClassHierarchyResolverOption.of(
                        ClassHierarchyResolver.ofResourceParsing(relatives)));
    }

    private static byte[] modernise(ClassFile classFile, byte[] bytes) {
        var model = classFile.parse(bytes);
        return model.majorVersion() >= WITH_STACK_MAPS || model.isModuleInfo()
                ? bytes
                : classFile.transformClass(model, TRANSFORM);
    }
}
