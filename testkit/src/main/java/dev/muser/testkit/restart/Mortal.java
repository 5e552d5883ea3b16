package dev.muser.testkit.restart;

import dev.muser.device.pci.Device;
import dev.muser.device.pci.DeviceFactory;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Devices whose processes can die before they are complete: whoever made them would close them
 * then, and nobody closes anything in a process that is dead.
 */
final class Mortal {
    private Mortal() {}

    static DeviceFactory factory(DeviceFactory of, Fuse fuse) {
        return context -> {
            var device = of.create(context);
            return (Device)
                    Proxy.newProxyInstance(
                            Device.class.getClassLoader(),
                            new Class<?>[] {Device.class},
                            (proxy, method, arguments) -> {
                                if (fuse.isDead()) {
                                    return nothing(method.getReturnType());
                                }
                                try {
                                    return method.invoke(device, arguments);
                                } catch (InvocationTargetException e) {
                                    throw e.getCause();
                                }
                            });
        };
    }

    private static @Nullable Object nothing(Class<?> type) {
        if (type == boolean.class) {
            return true; // it has nothing under way
        }
        return type == List.class ? List.of() : type == Map.class ? Map.of() : null;
    }
}
