package dev.muser.service;

import dev.muser.linux.Fd;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** What a store has under names with a prefix. */
record StorePart(DescriptorStore whole, String prefix) implements DescriptorStore {
    @Override
    public boolean isKept() {
        return whole.isKept();
    }

    @Override
    public Set<String> names() {
        return whole.names().stream()
                .filter(name -> name.startsWith(prefix))
                .map(name -> name.substring(prefix.length()))
                .collect(Collectors.toSet());
    }

    @Override
    public int room() {
        return whole.room();
    }

    @Override
    public @Nullable Fd get(String name) {
        return whole.get(prefix + name);
    }

    @Override
    public void put(String name, Fd fd) {
        whole.put(prefix + name, fd);
    }

    @Override
    public void remove(String name) {
        whole.remove(prefix + name);
    }
}
