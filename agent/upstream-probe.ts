/**
 * Whether the model server can be reached: a connection opened and closed every second. For `/readyz`, so that a pod gets traffic only
 * once its model server listens, and again after that was restarted alone.
 */
import { connect } from 'node:net';

/** Between two looks, and the longest wait for one. */
const EVERY_MS = 1_000;

/** Where the route leads. */
export interface ProbeTarget {
  readonly name: string;
  readonly host: string;
  readonly port: number;
}

export class UpstreamProbe {
  readonly #target: () => ProbeTarget | null;
  readonly #timer: NodeJS.Timeout;
  #reachable = false;
  #looking = false;

  /** @param target where the route leads; null = to the fallback */
  constructor(target: () => ProbeTarget | null) {
    this.#target = target;
    this.#timer = setInterval(() => void this.look(), EVERY_MS);
    this.#timer.unref();
  }

  /** As of the last look. */
  get reachable(): boolean {
    return this.#reachable;
  }

  /** Looks now; resolves when it knows. */
  async look(): Promise<void> {
    if (this.#looking) return;
    this.#looking = true;
    const target = this.#target();
    this.#reachable = target !== null && (await accepts(target));
    this.#looking = false;
  }

  close(): void {
    clearInterval(this.#timer);
  }
}

function accepts({ host, port }: ProbeTarget): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    const done = (reachable: boolean) => {
      socket.destroy();
      resolve(reachable);
    };
    socket.setTimeout(EVERY_MS, () => done(false));
    socket.once('connect', () => done(true));
    socket.once('error', () => done(false));
  });
}
