/**
 * The command line: `driftline COMMAND`. Data on stdout, talk on stderr; exit 0 done, 1 findings, 2 usage, 3 cannot reach,
 * 70 a fault of ours.
 *
 * Only the command that was asked for is loaded: together they weigh a second of start-up.
 */
import { Command, CommanderError } from 'commander';
import { ConfigError, ScorerError } from '../contracts/errors.ts';
import { crash } from './crash.ts';
import { VERSION } from './version.ts';

const COMMANDS: { readonly [name: string]: () => Promise<Command> } = {
  demo: async () => (await import('./commands/demo.ts')).demoCommand(),
  init: async () => (await import('./commands/init.ts')).initCommand(),
  run: async () => (await import('./commands/run.ts')).runCommand(),
  check: async () => (await import('./commands/check.ts')).checkCommand(),
  compare: async () => (await import('./commands/compare.ts')).compareCommand(),
  backtest: async () => (await import('./commands/backtest.ts')).backtestCommand(),
  detect: async () => (await import('./commands/detect.ts')).detectCommand(),
  'train-predictor': async () => (await import('./commands/train-predictor.ts')).trainPredictorCommand(),
  serve: async () => (await import('./commands/serve.ts')).serveCommand(),
};

const CANNOT_REACH = new Set(['port-in-use', 'port-denied', 'no-such-address', 'cannot-listen', 'unreachable']);

// Others know the launcher's process only. When they kill it, the program must not stay behind with ports and state in its hands.
process.once('disconnect', () => process.exit(137));
process.channel?.unref();

// What is said to a reader that has gone (`| head`, a log collector that died) is lost, and no more than that. The sidecar outlives whatever
// becomes of its log, a full disk too: calls go through it.
process.stderr.on('error', () => {});
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE' && process.argv[2] !== 'run') throw error;
});

// Of a command that failed, too: what is thrown below ends here.
process.on('uncaughtException', (fault) => crash('main', fault));

const program = new Command('driftline')
  .description('Monitoring and drift detection in front of any model server.')
  .version(VERSION)
  .showSuggestionAfterError()
  .exitOverride();
const asked = COMMANDS[process.argv[2] ?? ''];
for (const load of asked === undefined ? Object.values(COMMANDS) : [asked]) program.addCommand((await load()).exitOverride());

try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) {
    // Commander has already printed what is wrong.
    process.exitCode = error.exitCode === 0 ? 0 : 2;
  } else if (error instanceof ConfigError) {
    for (const { file, line, column, path, message } of error.mistakes)
      process.stderr.write(`${file}:${line}:${column} ${path} ${message}\n`);
    process.stderr.write(`driftline: ${error.message}\n`);
    process.exitCode = CANNOT_REACH.has(error.code) ? 3 : 2;
  } else if (error instanceof ScorerError) {
    process.stderr.write(`driftline: ${error.message}\n`);
    process.exitCode = 2;
  } else {
    throw error;
  }
}
