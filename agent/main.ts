/**
 * The command line: `driftline COMMAND`. Data on stdout, talk on stderr; exit 0 done, 1 findings, 2 usage, 3 cannot reach.
 */
import { Command, CommanderError } from 'commander';
import { ConfigError, ScorerError } from '../contracts/errors.ts';
import { checkCommand } from './commands/check.ts';
import { demoCommand } from './commands/demo.ts';
import { detectCommand } from './commands/detect.ts';
import { runCommand } from './commands/run.ts';
import { serveCommand } from './commands/serve.ts';
import { trainPredictorCommand } from './commands/train-predictor.ts';
import { VERSION } from './version.ts';

const CANNOT_REACH = new Set(['port-in-use', 'unreachable']);

const program = new Command('driftline')
  .description('Monitoring and drift detection in front of any model server.')
  .version(VERSION)
  .showSuggestionAfterError()
  .exitOverride();
for (const command of [demoCommand(), runCommand(), checkCommand(), detectCommand(), trainPredictorCommand(), serveCommand()]) {
  program.addCommand(command.exitOverride());
}

try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) {
    // Commander has already printed what is wrong.
    process.exitCode = error.exitCode === 0 ? 0 : 2;
  } else if (error instanceof ConfigError) {
    for (const mistake of error.mistakes)
      process.stderr.write(`${mistake.file}:${mistake.line}:${mistake.column} ${mistake.path} ${mistake.message}\n`);
    process.stderr.write(`driftline: ${error.message}\n`);
    process.exitCode = CANNOT_REACH.has(error.code) ? 3 : 2;
  } else if (error instanceof ScorerError) {
    process.stderr.write(`driftline: ${error.message}\n`);
    process.exitCode = 2;
  } else {
    throw error;
  }
}
