package io.github.callouthq.callout.codec;

import java.lang.reflect.Constructor;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Type;

/** The members of a record, found once. */
final class RecordShape {
    final String[] names;
    final Type[] types;

    private final Constructor<?> constructor;
    private final Method[] accessors;

    RecordShape(Class<?> type) {
        var components = type.getRecordComponents();
        names = new String[components.length];
        types = new Type[components.length];
        accessors = new Method[components.length];
        var parameters = new Class<?>[components.length];
        for (int n = 0; n < components.length; n++) {
            names[n] = components[n].getName();
            types[n] = components[n].getGenericType();
            parameters[n] = components[n].getType();
            accessors[n] = components[n].getAccessor();
            accessors[n].setAccessible(true);
        }
        try {
            constructor = type.getDeclaredConstructor(parameters);
            constructor.setAccessible(true);
        } catch (NoSuchMethodException e) {
            throw new IllegalStateException(e); // every record has it
        }
    }

    Object make(Object[] values) throws ReflectiveOperationException {
        try {
            return constructor.newInstance(values);
        } catch (InvocationTargetException e) {
            if (e.getCause() instanceof RuntimeException cause) {
                throw cause; // what the record itself refuses
            }
            throw e;
        }
    }

    Object get(Object of, int n) throws ReflectiveOperationException {
        return accessors[n].invoke(of);
    }
}
