/**
 * `driftline demo`: the main job on embedded parts with real data, a real model and a fault that happens in real life.
 */
import { randomBytes } from 'node:crypto';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import progress from 'cli-progress';
import { Command, Option } from 'commander';
import type { Alert, Decision } from '../../contracts/alert.ts';
import { ConfigError } from '../../contracts/errors.ts';
import type { Finding } from '../../contracts/finding.ts';
import { detectors } from '../../detectors/catalogue.ts';
import { loadPolicy } from '../../policies/load.ts';
import type { Driftline } from '../build.ts';
import { build } from '../build.ts';
import { crash } from '../crash.ts';
import { feed } from '../demo/feed.ts';
import { openReceiver } from '../demo/receiver.ts';
import type { MarketRow } from '../demo/stream.ts';
import { readStream, toCsv } from '../demo/stream.ts';
import type { DemoSummary } from '../demo/summary.ts';
import { summarise, summaryText } from '../demo/summary.ts';
import { packageFile } from '../package-file.ts';
import { startScorer } from '../scorer.ts';
import type { Page, StoreReader } from '../store/read.ts';
import { onStopSignal } from './stop-signals.ts';

interface DemoFlags {
  readonly exit?: boolean;
  readonly json?: boolean;
  readonly fault: 'units' | 'none';
  readonly rows?: string;
  readonly folder?: string;
}

const FILES = ['policy.yaml', 'elec2.onnx', 'predictor.json'];
const DATA_PORT = 8080;
const ADMIN_PORT = 9090;
/** Labels and webhooks that are on their way when the stream ends. */
const SETTLE_MS = 20_000;

export function demoCommand(): Command {
  return new Command('demo')
    .summary('the main job on embedded parts: a real model, a real stream, a fault, the alerts and the retraining call')
    .description(
      'Replays the electricity market of New South Wales through an ONNX model behind Driftline: the market changes, an alert calls a retraining ' +
        'receiver, and two thirds in the feed sends one column in other units. Exit code 0 whatever was found.',
    )
    .option('--exit', 'end when the stream ends; without it the page stays up until Ctrl-C')
    .option('--json', 'print one object at the end and nothing else on stdout')
    .addOption(new Option('--fault <kind>', 'what happens two thirds into the stream').choices(['units', 'none']).default('units'))
    .option('--rows <n>', 'send only the first n rows')
    .option('--folder <dir>', 'where policy, reference and state are laid out, and stay; without it a temporary folder')
    .action(demo);
}

async function demo(flags: DemoFlags): Promise<void> {
  const talk = (text: string) => (flags.json ? process.stderr : process.stdout).write(`${text}\n`);
  const { training, sent } = await readStream();
  const rows = flags.rows === undefined ? sent : sent.slice(0, wholeNumber(flags.rows));
  const faultAtRow = Math.floor((rows.length * 2) / 3);
  const folder = flags.folder ?? mkdtempSync(path.join(tmpdir(), 'driftline-demo-'));
  mkdirSync(folder, { recursive: true });
  const stop = new AbortController();
  const forget = onStopSignal(() => stop.abort());
  const closers: (() => Promise<unknown>)[] = [];
  try {
    const started = performance.now();
    const secret = `whsec_${randomBytes(32).toString('base64')}`;
    process.env.DRIFTLINE_SECRET_DEMO_RETRAINING = secret;
    const receiver = await openReceiver(secret, (call) => {
      if (call.verified) talk(`  → the receiver verified the retraining call ${call.id}: ${JSON.stringify(call.body.data)}\n`);
      else talk('  → the receiver refused a call whose signature does not verify\n');
    });
    closers.push(receiver.close);
    const model = await startScorer({ model: path.join(demoFolder(), 'elec2.onnx'), protocol: 'kserve-v2', name: 'elec2', version: '1' });
    closers.push(() => model.close());
    const modelUrl = `http://127.0.0.1:${model.port}`;
    const driftline = await open(folder, training, { DEMO_UPSTREAM: modelUrl, DEMO_RECEIVER: receiver.url }, talk);
    closers.push(() => driftline.close());
    const adminUrl = `http://${driftline.admin.host}:${driftline.admin.port}`;
    const dataUrl = `http://${driftline.data.host}:${driftline.data.port}`;
    const instead = (wanted: number, { port }: { readonly port: number }) => (port === wanted ? '' : `   (port ${wanted} is in use)`);
    talk(`driftline demo\n  page         ${adminUrl}/${instead(ADMIN_PORT, driftline.admin)}`);
    talk(`  predictions  ${dataUrl}/${instead(DATA_PORT, driftline.data)}\n  files        ${folder}\n`);
    talk(
      flags.fault === 'none'
        ? `Sending ${rows.length} half hours of the electricity market, without a fault.\n`
        : `Sending ${rows.length} half hours of the electricity market; from row ${faultAtRow} on the feed sends nswprice times 100.\n`,
    );
    const bar = progressBar(rows.length);
    const result = await feed({
      rows,
      dataUrl,
      adminUrl,
      modelUrl,
      faultAtRow: flags.fault === 'none' ? Number.POSITIVE_INFINITY : faultAtRow,
      onProgress: bar.at,
      signal: stop.signal,
    });
    bar.stop();
    await settled(driftline, result.labelsAccepted);
    const summary = summarise({
      result,
      faultAtRow,
      faulty: flags.fault !== 'none',
      labelsJoined: driftline.status().accounting.feedback.joined ?? 0,
      alerts: all<Alert>(driftline.reader, 'alerts'),
      decisions: all<Decision>(driftline.reader, 'decisions'),
      windows: all<Finding>(driftline.reader, 'windows'),
      calls: receiver.calls,
    });
    tell(summary, (performance.now() - started) / 1000, flags.json === true);
    if (flags.exit !== true && !stop.signal.aborted) {
      talk(`\nThe page stays up at ${adminUrl}/ until Ctrl-C.`);
      await new Promise((resolve) => stop.signal.addEventListener('abort', resolve, { once: true }));
    }
  } finally {
    for (const close of closers.toReversed()) await close();
    if (flags.folder === undefined) rmSync(folder, { recursive: true, force: true });
    forget();
  }
}

/** Lays out the demo's folder as a user's own would be, and starts Driftline on it. */
async function open(
  folder: string,
  training: readonly MarketRow[],
  env: { [name: string]: string },
  talk: (text: string) => void,
): Promise<Driftline> {
  for (const file of FILES) copyFileSync(path.join(demoFolder(), file), path.join(folder, file));
  writeFileSync(path.join(folder, 'reference.csv'), toCsv(training));
  const policy = loadPolicy(path.join(folder, 'policy.yaml'), {
    detectors: new Map(detectors.map((detector) => [detector.type, detector])),
    env,
  });
  const start = (data: number, admin: number) =>
    build({
      policy,
      reload: null,
      listen: { host: '127.0.0.1', port: data },
      admin: { host: '127.0.0.1', port: admin },
      stateDirectory: path.join(folder, 'state'),
      print: (text) => talk(`${text}\n`),
      log: (line) => process.stderr.write(`${line}\n`),
      onDeath: crash,
    });
  for (const [data, admin] of [
    [DATA_PORT, ADMIN_PORT],
    [DATA_PORT, 0],
    [0, ADMIN_PORT],
  ] as const) {
    try {
      return await start(data, admin);
    } catch (error) {
      if (!(error instanceof ConfigError && error.code === 'port-in-use')) throw error;
    }
  }
  return start(0, 0);
}

function demoFolder(): string {
  return packageFile('agent/demo');
}

function progressBar(total: number): { at(sent: number): void; stop(): void } {
  if (!process.stderr.isTTY) return { at: () => {}, stop: () => {} };
  const bar = new progress.SingleBar(
    { format: '  {bar} {percentage} % | row {value} of {total} | {eta_formatted} left', hideCursor: true },
    progress.Presets.shades_classic,
  );
  bar.start(total, 0);
  return { at: (sent) => sent % 50 === 0 && bar.update(sent), stop: () => bar.stop() };
}

/** Waits until every accepted label was decided on and no webhook waits. */
async function settled(driftline: Driftline, labels: number): Promise<void> {
  const until = Date.now() + SETTLE_MS;
  for (;;) {
    const fates = Object.values(driftline.status().accounting.feedback).reduce((sum, count) => sum + count, 0);
    const waiting = all<Decision>(driftline.reader, 'decisions').some((decision) => decision.state === 'queued');
    if ((fates >= labels && !waiting) || Date.now() > until) return;
    await sleep(50);
  }
}

function all<T>(reader: StoreReader, table: 'alerts' | 'decisions' | 'windows'): T[] {
  const items: T[] = [];
  let after: string | null = '0';
  while (after !== null) {
    const page: Page<T> = reader.page<T>(table, Number(after), 1_000);
    items.push(...page.items);
    after = page.next;
  }
  return items;
}

function tell(summary: DemoSummary, seconds: number, json: boolean): void {
  process.stdout.write(`${json ? JSON.stringify(summary) : summaryText(summary, seconds)}\n`);
}

function wholeNumber(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new ConfigError('usage', `--rows ${text}: must be a whole number from 1`);
  return value;
}
