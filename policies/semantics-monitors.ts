/**
 * Checks of monitors against the columns and the detectors.
 */
import { withDefaults } from '../contracts/options.ts';
import { requestSignals } from '../contracts/signal.ts';
import type { ColumnDocument, DetectorDocument, MonitorDocument, Partly } from './document.ts';
import { at } from './mistakes.ts';
import { checkNames, type Inspection, namesAt } from './semantics.ts';
import { checkFile } from './semantics-files.ts';
import { remedyFor } from './suggest.ts';
import type { Path } from './yaml.ts';

/** The monitor that the schema's own checks are called by. */
const RESERVED = 'schema';

/** Checks `spec.monitors`. */
export function checkMonitors(inspection: Inspection): void {
  const monitors = inspection.document.spec?.monitors ?? [];
  checkNames(inspection, ['spec', 'monitors'], monitors);
  for (const [index, monitor] of monitors.entries()) {
    if (monitor === undefined) continue;
    const here = ['spec', 'monitors', index];
    if (monitor.name === RESERVED)
      inspection.mistake([...here, 'name'], 'the name `schema` is taken by the columns’ own checks — choose another');
    if (monitor.detectors?.predictor?.model !== undefined)
      checkFile(inspection, [...here, 'detectors', 'predictor', 'model'], monitor.detectors.predictor.model);
    if (monitor.needs === 'feedback') checkFeedbackMonitor(inspection, here, monitor);
    else {
      checkSignals(inspection, here, monitor);
      checkSketched(inspection, here, monitor);
    }
    checkClear(inspection, here, monitor);
    checkBounds(inspection, here, monitor);
  }
}

function checkFeedbackMonitor(inspection: Inspection, here: Path, monitor: Partly<MonitorDocument>): void {
  const detectors = monitor.detectors;
  const written = (key: string) => at(inspection.written, [...here, 'detectors', key]) !== undefined;
  if (monitor.features !== undefined) {
    inspection.mistake(
      [...here, 'features'],
      'does not go with `needs: feedback`, which watches feedback.error and feedback.reward — remove it',
      'key',
    );
  }
  for (const key of ['categorical', 'multivariate', 'predictor'] as const) {
    if (detectors?.[key] !== undefined)
      inspection.mistake(
        [...here, 'detectors', key],
        `\`${key}\` does not go with \`needs: feedback\` — give it a monitor of its own`,
        'key',
      );
  }
  if (
    detectors !== undefined &&
    ['error', 'numeric', 'categorical', 'multivariate', 'predictor', 'sequential'].every((key) => !written(key))
  ) {
    inspection.mistake(
      [...here, 'detectors'],
      '`needs: feedback` has no detector — add `error` (for labels) or `numeric` (for rewards)',
      'key',
    );
  }
  if (kindOf(inspection, detectors?.numeric) === 'windowed') {
    inspection.mistake(
      [...here, 'detectors', 'numeric', 'type'],
      'is a windowed test, and rewards are watched one by one — use a streaming detector such as adwin',
    );
  }
  if (detectors?.error !== undefined && at(inspection.written, ['spec', 'model', 'prediction']) === undefined) {
    inspection.warning(
      here,
      '`error` stays silent: no label can be judged without a prediction to compare it with — add `spec.model.prediction`',
    );
  }
}

function checkSignals(inspection: Inspection, here: Path, monitor: Partly<MonitorDocument>): void {
  if (monitor.detectors?.error !== undefined) {
    inspection.mistake([...here, 'detectors', 'error'], '`error` watches feedback — add `needs: feedback` to the monitor', 'key');
  }
  if (monitor.detectors?.predictor !== undefined && monitor.detectors.multivariate !== undefined) {
    inspection.mistake(
      [...here, 'detectors', 'multivariate'],
      '`multivariate` does not go with `predictor`, which is about the same outputs — give it a monitor of its own',
      'key',
    );
  }
  const columns = declared(inspection);
  if (typeof monitor.features === 'object') {
    for (const [index, feature] of monitor.features.entries()) {
      if (feature !== undefined) checkFeature(inspection, [...here, 'features', index], feature, monitor, columns);
    }
    return;
  }
  const inputs = columns.inputs;
  const slots = ['numeric', 'categorical', 'multivariate'].filter(
    (slot) => at(inspection.written, [...here, 'detectors', slot]) !== undefined,
  );
  if (
    slots.length === 0 ||
    inputs.length === 0 ||
    inputs.some(
      (column) =>
        column.type === undefined ||
        (column.type !== 'text' && slots.includes('multivariate')) ||
        slots.includes(slotOf(column.type) ?? ''),
    )
  )
    return;
  inspection.mistake([...here, 'detectors'], `no input column fits ${slots.join(' or ')} — nothing would be watched`, 'key');
}

function checkFeature(inspection: Inspection, here: Path, feature: string, monitor: Partly<MonitorDocument>, columns: Declared): void {
  const monitorPath = here.slice(0, -2);
  const has = (slot: string) => at(inspection.written, [...monitorPath, 'detectors', slot]) !== undefined;
  if (requestSignals.some(({ name }) => name === feature)) {
    if (!has('numeric')) inspection.mistake(here, `${feature} is a number and the monitor has no \`numeric\` detector — add one`);
    else if (kindOf(inspection, monitor.detectors?.numeric) === 'windowed') {
      inspection.mistake(
        here,
        `${feature} is watched call by call, and \`${monitor.detectors?.numeric?.type}\` is a windowed test — use a streaming detector such as adwin`,
      );
    }
    return;
  }
  if (feature.startsWith('feedback.')) {
    inspection.mistake(here, `${feature} is watched by a monitor with \`needs: feedback\` and without \`features\` — write it so`);
    return;
  }
  const [, side, rest] = /^(inputs|outputs)\.(.+)$/.exec(feature) ?? [];
  const inInputs = columns.inputs.find((column) => column.name === feature || (side === 'inputs' && column.name === rest));
  const column = inInputs ?? columns.outputs.find((one) => one.name === feature || (side === 'outputs' && one.name === rest));
  if (column === undefined) {
    // Columns that traffic will teach cannot be known yet.
    const isKnown =
      side === 'inputs'
        ? columns.inputs.length > 0
        : side === 'outputs'
          ? columns.outputs.length > 0
          : columns.inputs.length > 0 && columns.outputs.length > 0;
    const known = [...columns.inputs.map((one) => one.name), ...columns.outputs.map((one) => one.name)].filter(
      (name) => name !== undefined,
    );
    const choices =
      side === undefined
        ? [...known, ...requestSignals.map(({ name }) => name)]
        : columns[side as 'inputs' | 'outputs'].map((one) => `${side}.${one.name}`);
    if (isKnown)
      inspection.mistake(here, `there is no column or signal \`${feature}\` — ${remedyFor(feature, choices, 'add it to the schema')}`);
    return;
  }
  if (column.type === undefined || monitor.detectors === undefined || has('predictor')) return;
  const slot = slotOf(column.type);
  if (slot === null) inspection.mistake(here, `${feature} is of type text, which no detector watches — remove it`);
  else if (!has(slot) && !has('multivariate'))
    inspection.mistake(
      here,
      `${feature} is of type ${column.type} and the monitor has no \`${slot}\` detector — add one, or remove the feature`,
    );
}

/** A reference of which only a sketch is left does not serve every test. */
function checkSketched(inspection: Inspection, here: Path, monitor: Partly<MonitorDocument>): void {
  const file = inspection.document.spec?.reference?.path;
  if (file === undefined || !/\.sketch\.json$/.test(file)) return;
  for (const slot of ['numeric', 'categorical'] as const) {
    const choice = monitor.detectors?.[slot];
    const definition = typeof choice?.type === 'string' ? inspection.detectors.get(choice.type) : undefined;
    if (choice === undefined || definition?.kind !== 'windowed') continue;
    const place = [...here, 'detectors', slot, 'type'];
    if (definition.sketched === undefined) {
      const others = [...inspection.detectors.values()].filter(
        (one) => one.kind === 'windowed' && one.sketched !== undefined && [definition.observes, 'any'].includes(one.observes),
      );
      inspection.mistake(
        place,
        `\`${choice.type}\` compares rows, and the reference is a sketch without any — use ${others.map(({ type }) => type).join(', ')}, or a CSV reference`,
      );
      continue;
    }
    const refused = definition.sketched.refuses(withDefaults(definition.options, choice));
    if (refused !== null) inspection.mistake(place, `the reference is a sketch without rows, and ${refused}, or a CSV reference`);
  }
}

/** A floor for the end of an alert means something only below the floor for its beginning. */
function checkClear(inspection: Inspection, here: Path, monitor: Partly<MonitorDocument>): void {
  const below = monitor.clear?.effectBelow;
  if (below === undefined) return;
  const windowed = [monitor.detectors?.numeric, monitor.detectors?.categorical, monitor.detectors?.multivariate].filter(
    (choice) => kindOf(inspection, choice) === 'windowed',
  );
  const floors = windowed.map((choice) => choice?.effect?.atLeast).filter((floor) => floor !== undefined);
  const lowest = Math.min(...floors);
  if (windowed.length === 0) {
    if (monitor.detectors !== undefined && Object.values(monitor.detectors).some((choice) => choice?.type !== undefined)) {
      inspection.mistake([...here, 'clear', 'effectBelow'], 'only windowed tests measure an effect — remove it', 'key');
    }
  } else if (below > 1 && floors.length === 0 && windowed.every((choice) => !isUnbounded(inspection, choice))) {
    inspection.mistake([...here, 'clear', 'effectBelow'], `is ${below}, and these tests measure effects of at most 1 — lower it`);
  } else if (floors.length > 0 && below > lowest) {
    inspection.mistake(
      [...here, 'clear', 'effectBelow'],
      `is ${below}, above the floor ${lowest} that opens the alert: it would end at once — lower it`,
    );
  }
}

/** Bounds of values come as a pair. */
function checkBounds(inspection: Inspection, here: Path, monitor: Partly<MonitorDocument>): void {
  for (const slot of ['numeric', 'error'] as const) {
    const choice = monitor.detectors?.[slot];
    if (kindOf(inspection, choice) !== 'streaming') continue;
    const { low, high } = choice as { readonly low?: unknown; readonly high?: unknown };
    const place = [...here, 'detectors', slot];
    if ((low === undefined) !== (high === undefined))
      inspection.mistake(
        [...place, low === undefined ? 'high' : 'low'],
        `needs \`${low === undefined ? 'low' : 'high'}\` beside it — write both, or neither`,
        'key',
      );
    else if (typeof low === 'number' && typeof high === 'number' && low >= high)
      inspection.mistake([...place, 'low'], `is ${low}, not below high ${high} — swap them`);
  }
}

interface Declared {
  readonly inputs: readonly Partly<ColumnDocument>[];
  readonly outputs: readonly Partly<ColumnDocument>[];
}

/** The columns as far as they are known: names from the text as written, types where they are right. */
function declared(inspection: Inspection): Declared {
  const of = (side: 'inputs' | 'outputs') => {
    const types = new Map((inspection.document.spec?.schema?.[side] ?? []).map((column) => [column?.name, column?.type]));
    return namesAt(inspection.written, ['spec', 'schema', side]).map((name) => ({ name, type: types.get(name) }));
  };
  return { inputs: of('inputs'), outputs: of('outputs') };
}

function slotOf(type: ColumnDocument['type']): 'numeric' | 'categorical' | null {
  if (type === 'text') return null;
  return type === 'categorical' ? 'categorical' : 'numeric';
}

function kindOf(inspection: Inspection, choice: Partly<DetectorDocument> | undefined): 'streaming' | 'windowed' | undefined {
  return typeof choice?.type === 'string' ? inspection.detectors.get(choice.type)?.kind : undefined;
}

function isUnbounded(inspection: Inspection, choice: Partly<DetectorDocument> | undefined): boolean {
  const definition = inspection.detectors.get(choice?.type ?? '');
  return definition?.kind === 'windowed' && definition.isUnbounded === true;
}
