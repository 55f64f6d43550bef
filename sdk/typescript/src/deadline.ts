const unsaid = 10_000; // ms
const longest = 3_600_000;
const mostKept = 100;

/** Reads Callout-Remaining-Ms, and keeps a tenth of it, at most 100 ms, for the way back. In milliseconds. */
export const timeFor = (header: string | undefined): number => {
  const said = /^[0-9]+$/.test(header ?? "") ? Number(header) : NaN;
  const remaining = said <= longest ? said : unsaid;
  return remaining - Math.min(remaining / 10, mostKept);
};

/** The time that a handler has. Its signal is made when somebody asks for it. */
export class Deadline {
  readonly at: number;
  #controller: AbortController | undefined;
  #over = false;

  /** From so many milliseconds since 1970, for so many. */
  constructor(from: number, time: number) {
    this.at = from + time;
  }

  /** Milliseconds that are left; 0 once it is over. */
  left(): number {
    return Math.max(0, this.at - Date.now());
  }

  get signal(): AbortSignal {
    if (!this.#controller) {
      this.#controller = new AbortController();
      if (this.#over) this.#abort();
    }
    return this.#controller.signal;
  }

  /** Settles as the work does, or resolves to undefined when time is over, and tells the signal. */
  race<T>(work: Promise<T>): Promise<T | undefined> {
    return new Promise((resolve, fail) => {
      const timer = setTimeout(() => {
        this.#over = true;
        this.#abort();
        resolve(undefined);
      }, this.left());
      const ended = <V>(tell: (value: V) => void) => (value: V) => {
        clearTimeout(timer);
        tell(value);
      };
      work.then(ended(resolve), ended(fail));
    });
  }

  #abort(): void {
    this.#controller?.abort(new DOMException("Callout does not wait any longer", "TimeoutError"));
  }
}
