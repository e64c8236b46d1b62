/**
 * From the checked document to the policy that the program uses: absolute paths, milliseconds, null where nothing was said.
 */
import path from 'node:path';
import type {
  ActionPolicy,
  Column,
  DetectorChoice,
  FalseAlarms,
  Guard,
  MonitorPolicy,
  Policy,
  QualityChoice,
  Seasonality,
  WindowPolicy,
} from '../contracts/policy.ts';
import { traffic } from './compile-traffic.ts';
import type { ActionDocument, ColumnDocument, DetectorDocument, MonitorDocument, PolicyDocument, QualityDocument } from './document.ts';
import { parseDuration, parseSpan } from './durations.ts';
import { at } from './mistakes.ts';

/** What the policy is called by, and where its relative paths start. */
export interface Origin {
  readonly hash: string;
  readonly file: string | null;
  readonly folder: string;
  /** The document before its defaults were filled in; absent: nothing counts as written out. */
  readonly written?: unknown;
}

/** Rows of a window by time, which has no limit by rows. */
const NO_LIMIT = 1_000_000;

/** Compiles a document without mistakes. */
export function compilePolicy({ metadata, spec }: PolicyDocument, { hash, file, folder, written }: Origin): Policy {
  const locate = (relative: string) => path.resolve(folder, relative);
  return {
    name: metadata.name,
    hash,
    file,
    annotations: { ...metadata.annotations },
    labels: { ...metadata.labels },
    owner: { team: spec.owner.team ?? null, contact: spec.owner.contact ?? null },
    model: { name: spec.model.name, version: spec.model.version.split('|'), prediction: spec.model.prediction ?? null },
    traffic: traffic(spec.traffic, locate),
    schema: {
      inputs: spec.schema.inputs.map(column),
      outputs: spec.schema.outputs.map(column),
      onViolation: { ...spec.schema.onViolation, for: parseSpan(spec.schema.onViolation.for) },
    },
    reference: reference(spec.reference, locate),
    window: window(spec.window),
    seasonality: seasonality(spec.seasonality),
    minSamples: spec.minSamples ?? Math.min(100, spec.window.rows ?? 100),
    slices: spec.slices.map(({ name, by, where, minSamples, maxValues }) => ({
      name,
      by: [...(by ?? [])],
      where: where ?? null,
      minSamples,
      maxValues,
    })),
    falseAlarms: falseAlarms(spec.falseAlarms),
    monitors: spec.monitors.map((one, index) => monitor(one, at(written, ['spec', 'monitors', index]), locate)),
    feedback: { ttlMs: parseDuration(spec.feedback.join.ttl) },
    alerts: {
      routes: spec.alerts.routes.map(({ match, actions }) => ({
        monitor: match.monitor ?? null,
        severity: match.severity ?? null,
        kind: match.kind ?? null,
        actions: [...actions],
      })),
      maxActive: spec.alerts.maxActive,
    },
    actions: spec.actions.map(action),
    exporters: {
      elasticsearch: spec.exporters.elasticsearch === undefined ? null : elasticsearch(spec.exporters.elasticsearch),
      otlp: spec.exporters.otlp?.fromEnv ?? false,
    },
    retention: { eventsMs: parseDuration(spec.retention.events) },
  };
}

/** The schema asks for `path` with `file`, for `of` with `upstream`, and fills in `learn` with `traffic`. */
function reference(document: PolicyDocument['spec']['reference'], locate: (relative: string) => string): Policy['reference'] {
  const { source, path: table, versions, learn, of, kind = null } = document;
  switch (source) {
    case 'file':
      return {
        source,
        path: locate(table!),
        versions: Object.fromEntries(Object.entries(versions ?? {}).map(([version, file]) => [version, locate(file)])),
        kind,
      };
    case 'upstream':
      return { source, of: of!, kind };
    case 'traffic':
      return { source, rows: learn!.rows, minAgeMs: learn!.minAge === undefined ? null : parseDuration(learn!.minAge), kind };
  }
}

/** The schema gives a window by rows its rows, and a sliding one asks for its step. */
function window({ rows, span, maxAge, step }: PolicyDocument['spec']['window']): WindowPolicy {
  return {
    rows: rows ?? NO_LIMIT,
    spanMs: span === undefined ? null : parseDuration(span),
    maxAgeMs: maxAge === undefined ? null : parseDuration(maxAge),
    stepRows: typeof step === 'number' ? step : null,
    stepMs: typeof step === 'string' ? parseDuration(step) : null,
  };
}

function seasonality(document: PolicyDocument['spec']['seasonality']): Seasonality | null {
  return document === undefined ? null : { fromWeeks: Number(/\d+$/.exec(document.when)![0]) };
}

function falseAlarms(document: PolicyDocument['spec']['falseAlarms']): FalseAlarms | null {
  if (document === undefined) return null;
  return { atMost: document.atMost, per: parseSpan(document.per), blockRows: document.blocks ?? null };
}

function column(document: ColumnDocument): Column {
  return {
    name: document.name,
    type: document.type,
    // A header field stands beside the tensors, under a name that says so.
    tensor: document.from?.toLowerCase() ?? document.tensor ?? null,
    index: document.index ?? null,
    path: document.path ?? document.of ?? null,
    ...(document.derive === undefined ? {} : { derive: document.derive }),
    required: document.required,
    min: document.min ?? null,
    max: document.max ?? null,
    values: document.values?.map(String) ?? null,
    maxMissing: document.maxMissing ?? null,
    maxUnseen: document.maxUnseen ?? null,
  };
}

function monitor(document: MonitorDocument, written: unknown, locate: (relative: string) => string): MonitorPolicy {
  const { numeric, categorical, multivariate, error, predictor, quality } = document.detectors;
  const { method, family, q } = document.correction;
  return {
    name: document.name,
    features: typeof document.features === 'object' ? [...document.features] : '*',
    needsFeedback: document.needs === 'feedback',
    numeric: choice(numeric, at(written, ['detectors', 'numeric'])),
    categorical: choice(categorical, at(written, ['detectors', 'categorical'])),
    multivariate: choice(multivariate, at(written, ['detectors', 'multivariate'])),
    error: choice(error, at(written, ['detectors', 'error'])),
    predictor:
      predictor === undefined
        ? null
        : { type: predictor.type, model: locate(predictor.model), dropAtLeast: predictor.dropAtLeast, require: predictor.require },
    quality: quality === undefined ? null : qualityChoice(quality),
    correction: { method, family, q, written: at(written, ['correction', 'q']) !== undefined },
    for: parseSpan(document.for),
    clear: { effectBelow: document.clear.effectBelow ?? null, for: parseSpan(document.clear.for) },
    severity: document.severity,
  };
}

function qualityChoice({ type, checks, effect, freshness, rows }: QualityDocument): QualityChoice {
  return {
    type,
    checks: [...checks],
    effectAtLeast: effect.atLeast,
    freshnessWithinMs: freshness.within === undefined ? null : parseDuration(freshness.within),
    rows: { perMs: parseDuration(rows.per), atLeast: rows.atLeast ?? null, atMost: rows.atMost ?? null, factor: rows.factor },
  };
}

function choice(document: DetectorDocument | undefined, written: unknown): DetectorChoice | null {
  if (document === undefined) return null;
  const { type, effect, ...options } = document;
  return {
    type,
    options,
    effectAtLeast: effect?.atLeast ?? null,
    written: Object.keys(options).filter((name) => at(written, [name]) !== undefined),
  };
}

function action(document: ActionDocument): ActionPolicy {
  const { maxPerDay = null, cooldown, dryRun, notWhen } = document.guard;
  const guard: Guard = { maxPerDay, cooldownMs: cooldown === undefined ? null : parseDuration(cooldown), dryRun, notWhen: [...notWhen] };
  const base = { name: document.name, guard };
  switch (document.type) {
    case 'console':
      return { ...base, type: 'console' };
    case 'webhook':
      // The schema asks for `url` and fills in the others.
      return {
        ...base,
        type: 'webhook',
        url: document.url!,
        format: document.format!,
        purpose: document.purpose!,
        secretRef: document.signing?.secretRef ?? null,
        allowPrivate: document.allowPrivate!,
        timeoutMs: parseDuration(document.timeout!),
      };
    case 'rollback': {
      // The schema asks for exactly one step.
      const step = document.steps![0]!;
      return { ...base, type: 'rollback', to: step.to, verifyWithinMs: parseDuration(step.verifyWithin) };
    }
  }
}

function elasticsearch({
  nodes,
  apiKeyRef,
  namespace,
}: NonNullable<PolicyDocument['spec']['exporters']['elasticsearch']>): Policy['exporters']['elasticsearch'] {
  return { nodes: [...nodes], apiKeyRef: apiKeyRef ?? null, namespace };
}
