/**
 * Remembers which deliveries were handled. Give one of your own, over Redis or SQL, where several processes share the
 * work. It is called concurrently; what it throws is answered 503, so that the delivery comes again.
 */
export interface Store {
  /** Tells whether a delivery is done. */
  seen(id: string): boolean | Promise<boolean>;
  /** Keeps that a delivery is done. It is called once its handler has succeeded, and no sooner. */
  done(id: string): void | Promise<void>;
}

const maxIDs = 10_000;
const keptFor = 600_000; // ms

/** The store that a receiver has by itself: 10,000 ids in memory, each for 10 minutes. */
export class MemoryStore implements Store {
  readonly #until = new Map<string, number>();

  seen(id: string): boolean {
    return (this.#until.get(id) ?? 0) > Date.now();
  }

  done(id: string): void {
    this.#until.delete(id); // so that it stands last, in the order of time
    this.#until.set(id, Date.now() + keptFor);
    for (const [oldest, until] of this.#until) {
      if (this.#until.size <= maxIDs && until > Date.now()) break;
      this.#until.delete(oldest);
    }
  }
}
