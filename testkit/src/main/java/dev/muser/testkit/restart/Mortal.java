package dev.muser.testkit.restart;

import dev.muser.device.pci.Device;
import dev.muser.device.pci.DeviceFactory;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;

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
                                    return null; // none of its methods returns anything
                                }
                                try {
                                    return method.invoke(device, arguments);
                                } catch (InvocationTargetException e) {
                                    throw e.getCause();
                                }
                            });
        };
    }
}
