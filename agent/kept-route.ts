/**
 * Where calls go, remembered: only a person or an action moves the route, so a rollback outlives a restart.
 */
import type { Json } from '../contracts/json.ts';
import type { Proxy as DataPath } from '../proxy/proxy.ts';
import type { StoredState } from './store/outbox.ts';

/** Moves the data path's route, keeps it in the store and says so. */
export class KeptRoute {
  readonly #proxy: Pick<DataPath, 'route' | 'setRoute'>;
  readonly #stored: StoredState<string>;
  readonly #log: (line: string) => void;

  constructor(stored: StoredState<string>, proxy: Pick<DataPath, 'route' | 'setRoute'>, log: (line: string) => void) {
    this.#proxy = proxy;
    this.#stored = stored;
    this.#log = log;
  }

  /** @throws ConfigError `unknown-route`; nothing has changed then. */
  async set(to: string): Promise<{ readonly before: string; readonly after: string }> {
    const changed = await this.#proxy.setRoute(to);
    this.#stored.set(to);
    this.#log(`route: ${changed.before} → ${changed.after}`);
    return changed;
  }

  /** Goes on as before the restart, if the policy still has that upstream. @param kept what the store has under `route` */
  async restore(kept: Json | undefined): Promise<void> {
    if (typeof kept !== 'string' || kept === this.#proxy.route()) return;
    try {
      await this.#proxy.setRoute(kept);
      this.#log(`route: ${kept}, as before the restart`);
    } catch {
      this.#log(`route: ${kept} is no longer in the policy; ${this.#proxy.route()} serves`);
    }
  }
}
