/**
 * Installs the component and index templates of `deploy/elasticsearch`, so that the first document of a data stream finds
 * its mappings there.
 *
 * What is installed already, in this version or a newer one, is left alone, which needs no more than the `monitor`
 * privilege. `driftline@custom` belongs to the user: made empty when it is missing and never touched again.
 */
import { type Client, errors } from '@elastic/elasticsearch';
import custom from '../deploy/elasticsearch/driftline@custom.json' with { type: 'json' };
import mappings from '../deploy/elasticsearch/driftline@mappings.json' with { type: 'json' };
import settings from '../deploy/elasticsearch/driftline@settings.json' with { type: 'json' };
import alert from '../deploy/elasticsearch/logs-driftline.alert.json' with { type: 'json' };
import feedback from '../deploy/elasticsearch/logs-driftline.feedback.json' with { type: 'json' };
import inference from '../deploy/elasticsearch/logs-driftline.inference.json' with { type: 'json' };
import drift from '../deploy/elasticsearch/metrics-driftline.drift.json' with { type: 'json' };
import type { JsonObject } from '../contracts/json.ts';

// Components first: an index template is refused while one that it is composed of is missing.
const COMPONENTS = { 'driftline@settings': settings, 'driftline@mappings': mappings };
const INDEX_TEMPLATES = {
  'logs-driftline.inference': inference,
  'logs-driftline.feedback': feedback,
  'logs-driftline.alert': alert,
  'metrics-driftline.drift': drift,
};

/** Brings the cluster's templates up to ours. @throws the client's errors. */
export async function installTemplates(client: Client, signal: AbortSignal): Promise<void> {
  const install = async (kind: Kind, name: string, template: JsonObject & { version: number }): Promise<void> => {
    if ((await installedVersion(client, kind, name, signal)) >= template.version) return;
    await put(client, kind, name, template, signal);
  };
  await Promise.all([
    ...Object.entries(COMPONENTS).map(([name, template]) => install('component_template', name, template)),
    installCustom(client, signal),
  ]);
  await Promise.all(
    Object.entries(INDEX_TEMPLATES).map(([name, template]) =>
      install('index_template', name, template).catch((error) => {
        if (statusOf(error) !== 400) throw error;
        // Clusters without the data stream lifecycle (before 8.11, and some distributions) refuse its section: retention is theirs then.
        const { lifecycle: _, ...rest } = template.template;
        return put(client, 'index_template', name, { ...template, template: rest }, signal);
      }),
    ),
  );
}

async function installCustom(client: Client, signal: AbortSignal): Promise<void> {
  const name = 'driftline@custom';
  if ((await installedVersion(client, 'component_template', name, signal)) !== MISSING) return;
  // `create` refuses when another replica was quicker: then the template is the user's already.
  await put(client, 'component_template', name, custom, signal, { create: true }).catch((error) => {
    if (statusOf(error) !== 400) throw error;
  });
}

type Kind = 'component_template' | 'index_template';

/** A template without a version counts as older than any. */
const UNVERSIONED = 0;
const MISSING = -1;

async function installedVersion(client: Client, kind: Kind, name: string, signal: AbortSignal): Promise<number> {
  try {
    const answer = await client.transport.request<{ [list: string]: { [kind: string]: { version?: number } }[] }>(
      { method: 'GET', path: `/_${kind}/${encodeURIComponent(name)}` },
      { signal },
    );
    return answer[`${kind}s`]?.[0]?.[kind]?.version ?? UNVERSIONED;
  } catch (error) {
    if (statusOf(error) === 404) return MISSING;
    throw error;
  }
}

async function put(
  client: Client,
  kind: Kind,
  name: string,
  body: JsonObject,
  signal: AbortSignal,
  query: { create?: boolean } = {},
): Promise<void> {
  await client.transport.request({ method: 'PUT', path: `/_${kind}/${encodeURIComponent(name)}`, querystring: query, body }, { signal });
}

function statusOf(error: unknown): number | undefined {
  return error instanceof errors.ResponseError ? error.statusCode : undefined;
}
