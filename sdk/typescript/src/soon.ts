/**
 * What is there already, or comes later. A promise that is settled still costs a turn of the queue and its memory, and
 * a request would wait for a dozen of them without anything to wait for.
 */
export type Soon<T> = T | Promise<T>;

/** Uses a value: at once where it is there. */
export const then = <T, R>(value: Soon<T>, use: (value: T) => Soon<R>): Soon<R> =>
  value instanceof Promise ? value.then(use) : use(value);
