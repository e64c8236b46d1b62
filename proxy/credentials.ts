/**
 * Certificates and keys as the data path needs them: contents, not files.
 */

/** PEM texts; null where none is given. */
export interface Pem {
  /** Certificate authorities that the other side is checked against; null = the ones that Node brings. */
  readonly ca: string | null;
  /** Our own chain, leaf first. */
  readonly cert: string | null;
  readonly key: string | null;
}

export const NO_PEM: Pem = { ca: null, cert: null, key: null };
