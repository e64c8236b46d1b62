/**
 * How many client connections are open, in all and from each address.
 */
import type { Limits } from './limits.ts';

export class ClientCount {
  #all = 0;
  readonly #byAddress = new Map<string, number>();

  /** Counts one more from `address`, unless there are too many. Returns whether it was counted; then `leave` must follow, once. */
  enter(address: string, { maxClients, maxClientsPerAddress }: Limits): boolean {
    const fromThere = this.#byAddress.get(address) ?? 0;
    if (this.#all >= maxClients || fromThere >= maxClientsPerAddress) return false;
    this.#all++;
    this.#byAddress.set(address, fromThere + 1);
    return true;
  }

  leave(address: string): void {
    this.#all--;
    const left = (this.#byAddress.get(address) ?? 1) - 1;
    if (left === 0) this.#byAddress.delete(address);
    else this.#byAddress.set(address, left);
  }
}
