/**
 * Starts a real Elasticsearch node for tests: the server core from Maven Central with its own HTTP layer.
 *
 * What the full distribution adds as modules is absent: lifecycle, security, ES|QL, `_data_stream`, delete by query, some
 * field types. Needs Maven and a JDK of 21 or newer (JAVA_HOME, or any under /usr/lib/jvm).
 * `node test/support/elasticsearch.ts` starts one, prints its address and keeps it until Ctrl-C.
 */
import { existsSync } from 'node:fs';
import { glob, mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { cached, missing, type Skipped } from './build-cache.ts';
import { isInstalled, runTool, type Server, startServer } from './child.ts';

export interface ElasticsearchServer {
  readonly url: string;
  /** Ends the node and keeps its data; `restart` brings it back on the same port. */
  stop(): Promise<void>;
  restart(): Promise<void>;
  /** Ends the node and removes its data; safe twice. */
  close(): Promise<void>;
}

const SOURCE = join(import.meta.dirname, 'elasticsearch');
const VERSION = '9.5.3';
const OLDEST_JAVA = 21;

/** Starts a node with no data. The first start on a machine downloads about 45 MB. */
export async function startElasticsearch(): Promise<ElasticsearchServer | Skipped> {
  const javaHome = await findJdk();
  if (javaHome === null) return missing(`no JDK of ${OLDEST_JAVA} or newer found; install one or set JAVA_HOME`);
  const inputs = ['pom.xml', 'TestNode.java', 'RootPlugin.java'].map((file) => join(SOURCE, file));
  if (!(await isInstalled('mvn'))) return missing('Maven (mvn) is not installed');
  const home = await cached('elasticsearch', inputs, (folder) => build(folder, javaHome));
  const data = await mkdtemp(join(tmpdir(), 'driftline-elasticsearch-'));
  let port = 0;
  let node: Server | null = null;
  const start = async (): Promise<void> => {
    node = await startServer(
      join(javaHome, 'bin', 'java'),
      [
        ...['-Xmx512m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '--enable-native-access=ALL-UNNAMED'],
        ...[`-Des.path.home=${home}`, '-cp', `${home}/jars/*:${home}/classes`, 'TestNode', home, data, String(port)],
      ],
      /^listening \d+$/,
    );
    port = Number(node.ready.split(' ')[1]);
  };
  const stop = async (): Promise<void> => {
    await node?.stop();
    node = null;
  };
  await start();
  const url = `http://127.0.0.1:${port}`;
  await useDefaultCodec(url);
  return {
    url,
    stop,
    restart: start,
    async close() {
      await stop();
      await rm(data, { recursive: true, force: true });
    },
  };
}

/** The jars come without the native zstd that `best_compression` needs, so the user's own template takes it back. */
async function useDefaultCodec(url: string): Promise<void> {
  const answer = await fetch(`${url}/_component_template/driftline@custom`, {
    method: 'PUT',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ template: { settings: { 'index.codec': 'default' } } }),
  });
  if (!answer.ok) throw new Error(`driftline@custom refused (${answer.status}): ${await answer.text()}`);
}

async function build(folder: string, javaHome: string): Promise<void> {
  const [jars, netty, root, classes] = ['jars', 'modules/transport-netty4', 'modules/root-page', 'classes'].map((part) =>
    join(folder, part),
  ) as [string, string, string, string];
  const rootClasses = join(folder, 'root-classes');
  for (const path of [jars, netty, root, classes, rootClasses, join(folder, 'config'), join(folder, 'plugins')])
    await mkdir(path, { recursive: true });
  await runTool('mvn', ['-q', '-B', '-f', join(SOURCE, 'pom.xml'), 'dependency:copy-dependencies', `-DoutputDirectory=${jars}`]);
  // A module brings its own class loader; its jars must not be on the class path as well.
  for await (const jar of glob(join(jars, '{transport-netty4,netty-}*.jar'))) await rename(jar, join(netty, basename(jar)));
  const javac = join(javaHome, 'bin', 'javac');
  await runTool(javac, ['-cp', join(jars, '*'), '-d', rootClasses, join(SOURCE, 'RootPlugin.java')]);
  await runTool(join(javaHome, 'bin', 'jar'), ['cf', join(root, 'root-page.jar'), '-C', rootClasses, '.']);
  await runTool(javac, ['-cp', join(jars, '*'), '-d', classes, join(SOURCE, 'TestNode.java')]);
  await describeModule(netty, 'org.elasticsearch.transport.netty4.Netty4Plugin');
  await describeModule(root, 'RootPlugin');
}

async function describeModule(folder: string, classname: string): Promise<void> {
  const name = basename(folder);
  const fields = { name, description: name, version: VERSION, 'elasticsearch.version': VERSION, 'java.version': OLDEST_JAVA, classname };
  const lines = Object.entries(fields).map(([key, value]) => `${key}=${value}\n`);
  await writeFile(join(folder, 'plugin-descriptor.properties'), lines.join(''));
}

async function findJdk(): Promise<string | null> {
  const installed = await readdir('/usr/lib/jvm').catch(() => []);
  const candidates = [process.env.JAVA_HOME, ...installed.map((name) => join('/usr/lib/jvm', name))];
  for (const home of candidates) {
    if (home === undefined || !existsSync(join(home, 'bin', 'javac'))) continue;
    const printed = await runTool(join(home, 'bin', 'java'), ['-version']).catch(() => '');
    if (Number(/version "(\d+)/.exec(printed)?.[1] ?? 0) >= OLDEST_JAVA) return home;
  }
  return null;
}

if (import.meta.main) {
  const server = await startElasticsearch();
  if ('skipped' in server) console.error(server.skipped);
  else {
    console.log(server.url);
    process.once('SIGINT', () => void server.close());
    process.once('SIGTERM', () => void server.close());
  }
}
