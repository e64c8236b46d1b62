/**
 * `driftline check`: every mistake in a policy, or what it will watch.
 */
import { Command } from 'commander';
import type { DetectorDefinition } from '../../contracts/detector.ts';
import { ConfigError } from '../../contracts/errors.ts';
import type { DetectorChoice, MonitorPolicy, Policy, SlicePolicy, Span } from '../../contracts/policy.ts';
import { columnCheckOf, rowCheckOf } from '../../contracts/quality.ts';
import { detectors } from '../../detectors/catalogue.ts';
import { type ParsedPolicy, parsePolicy, readPolicyFile } from '../../policies/load.ts';
import { duration } from '../../policies/figures.ts';
import { formatMistake } from '../../policies/mistakes.ts';
import { policySchema } from '../../policies/schema.ts';
import { type AlarmReport, alarmJson, alarmLines, reportAlarms } from '../calibration/report.ts';
import { several } from '../compare/words.ts';
import { watchList } from '../watch-list.ts';
import { windowInWords } from '../calibration/window-rows.ts';
import { samplingInWords } from '../sampling-in-words.ts';
import { parseAddress } from './address.ts';

interface CheckFlags {
  readonly json?: boolean;
  readonly schema?: boolean;
  readonly listen: string;
}

/** The command; sets the exit code: 0 clean, 1 mistakes found, or more false alarms than the budget allows. */
export function checkCommand(): Command {
  return new Command('check')
    .summary('every mistake in a policy, with its place and remedy')
    .description(
      'Checks a policy. Mistakes and warnings go to stderr as file:line:column; exit 1 when there are mistakes, or when the levels written out cost more false alarms than the budget allows.',
    )
    .argument('[policy.yaml]', 'the policy')
    .option('--json', 'print one JSON object instead')
    .option('--schema', 'print the JSON Schema of policies, for editors')
    .option('--listen <HOST:PORT>', 'data port that the policy will run on', '127.0.0.1:8080')
    .action(check);
}

async function check(file: string | undefined, flags: CheckFlags): Promise<void> {
  const known = new Map(detectors.map((detector) => [detector.type, detector]));
  if (flags.schema === true) {
    print(JSON.stringify(policySchema(known), null, 2));
    return;
  }
  if (file === undefined) throw new ConfigError('usage', 'check: name a policy file, or give --schema');
  const result = parsePolicy(readPolicyFile(file), file, { detectors: known, own: [parseAddress('--listen', flags.listen)] });
  const alarms = result.policy === null ? null : await reportAlarms(result.policy);
  if (alarms === null || alarms.exceeded) process.exitCode = 1;
  if (flags.json === true) {
    print(JSON.stringify(report(file, result, known, alarms), null, 2));
    return;
  }
  for (const mistake of result.mistakes) complain(formatMistake(mistake));
  for (const warning of result.warnings) complain(`${formatMistake(warning)} (warning)`);
  for (const silent of [...(alarms?.silent ?? []), ...(alarms?.coarse ?? [])]) complain(`${file} ${silent} (warning)`);
  if (result.policy === null)
    complain(`driftline: ${file} has ${result.mistakes.length} mistake${result.mistakes.length === 1 ? '' : 's'}`);
  else print([...summarise(result.policy, known), ...(alarms === null ? [] : alarmLines(alarms))].join('\n'));
  if (alarms?.exceeded === true) {
    const { written, period, allowed } = alarms;
    complain(
      `driftline: the levels written out cost ${Number(written.toPrecision(3))} false alarms in ${period}, and falseAlarms allows ${allowed} — let it set them, or allow more`,
    );
  }
}

type Known = ReadonlyMap<string, DetectorDefinition>;

function report(file: string, { policy, mistakes, warnings }: ParsedPolicy, known: Known, alarms: AlarmReport | null): object {
  return {
    file,
    ok: policy !== null && alarms?.exceeded !== true,
    mistakes,
    warnings,
    policy: policy === null ? null : { name: policy.name, hash: policy.hash, testsPerWindow: testsPerWindow(policy, known) },
    falseAlarms: alarms === null ? null : alarmJson(alarms),
  };
}

/** Tests of all rows at the end of each window over all monitors; null while columns are still to be learned. */
export function testsPerWindow(policy: Policy, known: Known): number | null {
  const windowed = policy.monitors.filter(
    ({ numeric, categorical, multivariate, quality }) =>
      [numeric, categorical, multivariate ?? null].some((choice) => isWindowed(choice, known)) || quality !== null,
  );
  if (windowed.some((monitor) => !areColumnsKnown(policy, monitor))) return null;
  return watchList(policy, policy.schema, (type) => known.get(type) ?? null).filter(({ kind }) => kind === 'windowed').length;
}

/** Whether the schema has the columns that a monitor watches, so that traffic need not teach them. */
function areColumnsKnown({ schema }: Policy, { needsFeedback, features }: MonitorPolicy): boolean {
  if (needsFeedback) return true;
  if (features === '*') return schema.inputs.length > 0;
  return features.every((feature) => {
    const names = [feature, columnCheckOf(feature)?.column];
    const isIn = (side: 'inputs' | 'outputs') =>
      schema[side].some((column) => names.includes(column.name) || names.includes(`${side}.${column.name}`));
    return /^request\./.test(feature) || rowCheckOf(feature) !== null || isIn('inputs') || isIn('outputs');
  });
}

function isWindowed(choice: DetectorChoice | null, known: Known): boolean {
  return choice !== null && known.get(choice.type)?.kind === 'windowed';
}

function summarise(policy: Policy, known: Known): string[] {
  const { traffic, schema } = policy;
  const tests = testsPerWindow(policy, known);
  const columns = (list: readonly unknown[], what: string) =>
    list.length === 0 ? `${what}s learned from traffic` : several(list.length, what);
  const [primary, ...others] = traffic.upstreams;
  return [
    `${policy.name}: no mistakes`,
    `  traffic    ${traffic.protocol} to ${primary?.name} at ${primary?.host}:${primary?.port}${others.length === 0 ? '' : `, beside it ${others.map((one) => one.name).join(', ')}`}${traffic.fallback === null ? '' : ', then the fallback'}`,
    `  columns    ${columns(schema.inputs, 'input')}, ${columns(schema.outputs, 'output')}`,
    `  reference  ${referenceInWords(policy)}`,
    `  window     ${windowInWords(policy)}, judged from ${policy.minSamples} values; ${tests === null ? 'one test a learned column' : `${tests} test${tests === 1 ? '' : 's'} a window`}${policy.slices.length === 0 ? '' : ' on all rows, and again in each slice'}`,
    `  kept       ${samplingInWords(policy)}`,
    ...policy.slices.map((slice) => `  slice      ${describeSlice(slice)}`),
    ...policy.monitors.map((monitor) => `  monitor    ${describeMonitor(monitor)}`),
    ...policy.actions.map((action) => `  action     ${action.name} (${action.type}${action.guard.dryRun ? ', dry run' : ''})`),
  ];
}

function describeSlice({ name, by, where, minSamples, maxValues }: SlicePolicy): string {
  const rows = where === null ? `the ${maxValues} most frequent values of ${by.join(' and ')}` : `rows where ${where}`;
  return `${name}: ${rows}, judged from ${minSamples} values; the windowed tests of all monitors again in each`;
}

function referenceInWords({ reference, seasonality = null }: Policy): string {
  const season = seasonality === null ? '' : `, then the same hour of the week from ${seasonality.fromWeeks} weeks of it on`;
  switch (reference.source) {
    case 'file': {
      const own = Object.keys(reference.versions ?? {});
      return `${reference.path}${own.length === 0 ? '' : `, with files of their own for version ${own.join(', ')}`}${season}`;
    }
    case 'traffic': {
      const { minAgeMs = null } = reference;
      return `the first ${reference.rows} rows${minAgeMs === null ? '' : ` over ${duration(minAgeMs)}`}${season}`;
    }
    case 'upstream':
      return `what ${reference.of} serves in the same window${season}`;
  }
}

function describeMonitor(monitor: MonitorPolicy): string {
  const choices = [monitor.numeric, monitor.categorical, monitor.multivariate ?? null, monitor.error]
    .filter((choice) => choice !== null)
    .map(({ type, effectAtLeast }) => `${type}${effectAtLeast === null ? '' : ` from ${effectAtLeast}`}`);
  if (monitor.predictor !== null) choices.push(`performance, drop of ${monitor.predictor.dropAtLeast}`);
  if (monitor.quality !== null) choices.push(`data quality (${monitor.quality.checks.join(', ')}) from ${monitor.quality.effectAtLeast}`);
  const watched = monitor.needsFeedback
    ? 'feedback'
    : monitor.predictor !== null
      ? 'the outputs'
      : monitor.features === '*'
        ? 'all inputs'
        : monitor.features.join(', ');
  return `${monitor.name}: ${choices.join(', ')} on ${watched}; ${monitor.severity} after ${inWords(monitor.for)}`;
}

function inWords({ unit, count }: Span): string {
  if (unit === 'windows') return `${count} window${count === 1 ? '' : 's'}`;
  return count % 60_000 === 0 ? `${count / 60_000} min` : `${count / 1000} s`;
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

function complain(text: string): void {
  process.stderr.write(`${text}\n`);
}
