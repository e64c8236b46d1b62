/**
 * The scorer's own process: one model, one loopback port. Started by `scorer.ts`, spoken to over its IPC channel.
 *
 * A native crash, a model that loops for ever or one that eats memory ends here and nowhere else.
 */
import { protocolsFor } from '../proxy/catalogue.ts';
import { openModel } from '../scorer/onnx.ts';
import { type ScorerServer, startScorerServer } from '../scorer/server.ts';
import type { FromScorer, ToScorer } from './scorer.ts';

process.title = 'driftline-scorer';

process.on('message', (message: ToScorer) => {
  if (message.kind === 'start') void start(message);
  if (message.kind === 'ping') tell({ kind: 'pong', rssBytes: process.memoryUsage.rss() });
});
// The parent closes the channel to end us; when it was killed, the channel closes by itself.
process.on('disconnect', () => process.exit(0));
// Ctrl-C reaches every process of the terminal's group; the parent may still be draining calls through us.
process.on('SIGINT', () => {});

async function start({ options, port }: Extract<ToScorer, { readonly kind: 'start' }>): Promise<void> {
  let server: ScorerServer;
  try {
    const model = await openModel(options.model, { provider: options.provider, threads: options.threads });
    server = await startScorerServer({
      model,
      name: options.name,
      version: options.version,
      protocols: protocolsFor(options.protocol, options.mapping),
      port,
      deadlineMs: options.deadlineMs,
    });
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'start';
    tell({ kind: 'failed', code, message: error instanceof Error ? error.message : String(error) });
    return;
  }
  tell({ kind: 'ready', port: server.port });
}

function tell(message: FromScorer): void {
  // A parent that has just gone makes sending fail; `disconnect` follows and ends us.
  if (process.connected) process.send?.(message, () => {});
}
