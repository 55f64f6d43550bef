/** How a server is started. */
export interface ServeOptions {
  /** The address that it listens on; all of them unless it is given. */
  readonly host?: string;
  /** Whether SIGTERM and SIGINT drain it and end the process; they do unless it is false. */
  readonly signals?: boolean;
}

/** A server that listens. */
export interface Server {
  readonly port: number;
  /** Such as http://127.0.0.1:9000. */
  readonly url: string;
  /** Takes nothing more, finishes what has begun, for 10 seconds at most, and resolves when all is closed. */
  close(): Promise<void>;
}
