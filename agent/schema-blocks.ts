/**
 * Turns single breaches of the schema into findings: the share of breaching rows of each column, block by block.
 *
 * Blocks are much shorter than windows, since a broken feed wants no statistics: rows that breach are counted, not tested.
 */
import type { Finding } from '../contracts/finding.ts';
import type { Json } from '../contracts/json.ts';
import type { Policy } from '../contracts/policy.ts';
import type { DriftlineRecord } from '../contracts/record.ts';

/** A block has at least so many rows, and enough that the policy's share amounts to this many breaching rows. */
const SMALLEST_BLOCK = 100;
const LARGEST_BLOCK = 10_000;
const FEWEST_BREACHES = 5;
/** A column that was in trouble is reported on for so many quiet blocks more, so that its alert can clear. */
const QUIET_BLOCKS = 10;

interface Tally {
  rows: number;
  /** Example for people, from the first breach of the block. */
  message: string | null;
  firstBreachRow: number | null;
  firstBreachAt: number | null;
}

/** Counts by signal over the open block. */
export class SchemaBlocks {
  readonly #minFraction: number;
  readonly #blockRows: number;
  readonly #maxima: ReadonlyMap<string, number>;
  /** Signals that are worth a finding, with the quiet blocks since their last breach. */
  #active = new Map<string, number>();
  #tallies = new Map<string, Tally>();
  #fromRow = 0;
  #fromAt = 0;
  #rows = 0;

  constructor(policy: Policy, state?: Json) {
    this.#minFraction = policy.schema.onViolation.minFraction;
    this.#blockRows = Math.min(LARGEST_BLOCK, Math.max(SMALLEST_BLOCK, Math.ceil(FEWEST_BREACHES / Math.max(this.#minFraction, 1e-9))));
    this.#maxima = allowances(policy);
    // Counts of an unfinished block are worth little and are begun anew; which columns were in trouble is kept.
    if (Array.isArray(state)) this.#active = new Map(state.map((signal) => [String(signal), 0]));
  }

  snapshot(): Json {
    return [...this.#active.keys()];
  }

  /**
   * Takes a record's rows and gives the findings of the block when it is full.
   *
   * @param rowsBefore rows observed before this record
   */
  observe(rowsBefore: number, { rows, at, violations }: Pick<DriftlineRecord, 'rows' | 'at' | 'violations'>): Finding[] {
    if (rows === 0) return [];
    if (this.#rows === 0) {
      this.#fromRow = rowsBefore;
      this.#fromAt = at;
    }
    this.#rows += rows;
    for (const violation of violations) {
      const tally = this.#tallies.get(violation.signal) ?? { rows: 0, message: null, firstBreachRow: null, firstBreachAt: null };
      tally.rows += violation.rows;
      tally.message ??= violation.message;
      tally.firstBreachRow ??= rowsBefore;
      tally.firstBreachAt ??= at;
      this.#tallies.set(violation.signal, tally);
    }
    return this.#rows >= this.#blockRows ? this.#close(rowsBefore + rows, at) : [];
  }

  #close(observedRows: number, at: number): Finding[] {
    const findings: Finding[] = [];
    for (const signal of new Set([...this.#active.keys(), ...this.#tallies.keys()])) {
      const tally = this.#tallies.get(signal);
      const share = (tally?.rows ?? 0) / this.#rows;
      const floor = Math.max(this.#minFraction, this.#maxima.get(signal) ?? 0);
      const broken = tally !== undefined && share >= floor && tally.rows >= Math.min(FEWEST_BREACHES, this.#rows);
      const quiet = tally === undefined ? (this.#active.get(signal) ?? 0) + 1 : 0;
      if (quiet > QUIET_BLOCKS) this.#active.delete(signal);
      else this.#active.set(signal, quiet);
      findings.push({
        monitor: 'schema',
        signal,
        kind: 'schema',
        detector: 'schema',
        level: broken ? 'drift' : 'stable',
        at,
        observedRows,
        window: { fromRow: this.#fromRow, toRow: observedRows - 1, fromAt: this.#fromAt, toAt: at },
        statistic: share,
        threshold: floor,
        pValue: null,
        adjustedP: null,
        tests: null,
        effect: share,
        effectAtLeast: floor,
        n: this.#rows,
        referenceN: null,
        changeRow: tally?.firstBreachRow ?? null,
        changeAt: tally?.firstBreachAt ?? null,
        note: tally?.message ?? null,
        estimate: null,
      });
    }
    this.#tallies = new Map();
    this.#rows = 0;
    return findings;
  }
}

/** Shares that a column may miss or see unseen before it counts as a breach. */
function allowances(policy: Policy): Map<string, number> {
  const maxima = new Map<string, number>();
  for (const side of ['inputs', 'outputs'] as const) {
    for (const column of policy.schema[side]) {
      const allowed = Math.max(column.maxMissing ?? 0, column.maxUnseen ?? 0);
      if (allowed > 0) maxima.set(`${side}.${column.name}`, allowed);
    }
  }
  return maxima;
}
