/** `driftline detect` alone, as a program: what it throws goes to stderr, and a mistake of the user ends it with 2. */
import { Command } from 'commander';
import { detectCommand } from '../../agent/commands/detect.ts';
import { ConfigError } from '../../contracts/errors.ts';

try {
  await new Command().addCommand(detectCommand()).parseAsync();
} catch (error) {
  if (!(error instanceof ConfigError)) throw error;
  process.stderr.write(`driftline: ${error.message}\n`);
  process.exitCode = 2;
}
