/**
 * Builds or downloads the real servers that the end-to-end tests start, one after the other, so that no test's limit covers a first
 * build: Elasticsearch (Maven), the OpenTelemetry Collector (Go), Triton, KServe and LitServe (pip). Quick when they are there already.
 */
import { startCollector } from './collector.ts';
import { startElasticsearch } from './elasticsearch.ts';
import { startKserve, startLitserve, startTriton } from './model-servers.ts';

const servers = {
  Elasticsearch: startElasticsearch,
  Collector: startCollector,
  Triton: startTriton,
  KServe: startKserve,
  LitServe: startLitserve,
};

for (const [name, start] of Object.entries(servers)) {
  const begun = performance.now();
  const server = await start();
  const seconds = ((performance.now() - begun) / 1000).toFixed(0);
  if ('skipped' in server) {
    process.stdout.write(`${name}: ${server.skipped}\n`);
    process.exitCode = 1;
  } else {
    await server.close();
    process.stdout.write(`${name}: ready after ${seconds} s\n`);
  }
}
