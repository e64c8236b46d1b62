/**
 * Turns single breaches of the schema into findings: the share of breaching rows of each column, block by block.
 *
 * Blocks are much shorter than windows, since a broken feed wants no statistics: rows that breach are counted, not tested.
 * The open block is part of the state: an agent that is restarted more often than a block takes would otherwise see no breach at all, and
 * what a breach inhibits would fire.
 */
import type { Finding } from '../contracts/finding.ts';
import type { Json } from '../contracts/json.ts';
import type { Policy } from '../contracts/policy.ts';
import type { DriftlineRecord, Violation } from '../contracts/record.ts';

/** A block has at least so many rows, and enough that the policy's share amounts to this many breaching rows. */
const SMALLEST_BLOCK = 100;
const LARGEST_BLOCK = 10_000;
const FEWEST_BREACHES = 5;
/** A column that was in trouble is reported on for so many quiet blocks more, so that its alert can clear. */
const QUIET_BLOCKS = 10;

interface Tally {
  readonly rows: number;
  /** Example for people, from the first breach of the block. */
  readonly message: string;
  readonly firstBreachRow: number;
  readonly firstBreachAt: number;
}

/** What `snapshot` gives. */
interface State {
  readonly fromRow: number;
  readonly fromAt: number;
  readonly rows: number;
  readonly active: readonly (readonly [signal: string, quietBlocks: number])[];
  readonly tallies: readonly (readonly [signal: string, kinds: readonly (readonly [Violation['kind'], Tally])[]])[];
}

/** Counts by signal and kind of breach over the open block. */
export class SchemaBlocks {
  readonly #minFraction: number;
  readonly #blockRows: number;
  /** Shares that the policy allows, by signal and kind. */
  readonly #allowed: ReadonlyMap<string, number>;
  /** Signals that are worth a finding, with the quiet blocks since their last breach. */
  #active = new Map<string, number>();
  #tallies = new Map<string, Map<Violation['kind'], Tally>>();
  #fromRow = 0;
  #fromAt = 0;
  #rows = 0;

  constructor(policy: Policy, state?: Json) {
    this.#minFraction = policy.schema.onViolation.minFraction;
    this.#blockRows = Math.min(LARGEST_BLOCK, Math.max(SMALLEST_BLOCK, Math.ceil(FEWEST_BREACHES / Math.max(this.#minFraction, 1e-9))));
    this.#allowed = allowances(policy);
    // An earlier version kept the signals alone.
    if (Array.isArray(state)) this.#active = new Map(state.map((signal) => [String(signal), 0]));
    else if (state !== undefined && state !== null) {
      // Written by this class under its own key.
      const { fromRow, fromAt, rows, active, tallies } = state as unknown as State;
      this.#active = new Map(active);
      this.#tallies = new Map(tallies.map(([signal, kinds]) => [signal, new Map(kinds)]));
      this.#fromRow = fromRow;
      this.#fromAt = fromAt;
      this.#rows = rows;
    }
  }

  snapshot(): Json {
    const state: State = {
      fromRow: this.#fromRow,
      fromAt: this.#fromAt,
      rows: this.#rows,
      active: [...this.#active],
      tallies: [...this.#tallies].map(([signal, kinds]) => [signal, [...kinds]]),
    };
    // Plain data throughout: it was made to survive a JSON round trip.
    return state as unknown as Json;
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
      const kinds = this.#tallies.get(violation.signal) ?? new Map<Violation['kind'], Tally>();
      const { kind, message } = violation;
      const before = kinds.get(kind) ?? { rows: 0, message, firstBreachRow: rowsBefore, firstBreachAt: at };
      kinds.set(kind, { ...before, rows: before.rows + violation.rows });
      this.#tallies.set(violation.signal, kinds);
    }
    return this.#rows >= this.#blockRows ? this.#close(rowsBefore + rows, at) : [];
  }

  #close(observedRows: number, at: number): Finding[] {
    const findings: Finding[] = [];
    for (const signal of new Set([...this.#active.keys(), ...this.#tallies.keys()])) {
      const { tally, share, floor } = this.#worst(signal);
      const broken = tally !== null && share >= floor && tally.rows >= Math.min(FEWEST_BREACHES, this.#rows);
      const quiet = tally === null ? (this.#active.get(signal) ?? 0) + 1 : 0;
      if (quiet > QUIET_BLOCKS) this.#active.delete(signal);
      else this.#active.set(signal, quiet);
      findings.push({
        monitor: 'schema',
        signal,
        slice: null,
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

  /** The kind of breach that goes furthest beyond its allowance. */
  #worst(signal: string): { tally: Tally | null; share: number; floor: number } {
    let worst: { tally: Tally | null; share: number; floor: number } = { tally: null, share: 0, floor: this.#minFraction };
    for (const [kind, tally] of this.#tallies.get(signal) ?? []) {
      const share = tally.rows / this.#rows;
      const floor = Math.max(this.#minFraction, this.#allowed.get(`${signal} ${kind}`) ?? 0);
      if (worst.tally === null || share / floor > worst.share / worst.floor) worst = { tally, share, floor };
    }
    return worst;
  }
}

/** Shares that a column may miss or see unseen before it counts as a breach, by signal and kind. */
function allowances(policy: Policy): Map<string, number> {
  const allowed = new Map<string, number>();
  for (const side of ['inputs', 'outputs'] as const) {
    for (const { name, maxMissing, maxUnseen } of policy.schema[side]) {
      if (maxMissing !== null) allowed.set(`${side}.${name} missing`, maxMissing);
      if (maxUnseen !== null) allowed.set(`${side}.${name} unseen`, maxUnseen);
    }
  }
  return allowed;
}
