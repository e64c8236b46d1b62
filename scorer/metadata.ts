/**
 * What a model server says of itself: health, readiness and metadata of V2 and V1, and MLflow's ping.
 *
 * Sources: Open Inference Protocol, REST (`/v2/…`); KServe V1 (`/v1/models`); MLflow scoring server (`/ping`, `/health`).
 */
import type { Json } from '../contracts/json.ts';
import type { TensorSpec } from './inputs.ts';

/** The one model that is served. */
export interface ServedModel {
  /** null = answers to any name, and echoes it: a fallback stands in for whatever model the caller asks. */
  readonly name: string | null;
  /** null = no version is told, and any is accepted. */
  readonly version: string | null;
  readonly inputs: readonly TensorSpec[];
  readonly outputs: readonly TensorSpec[];
}

/** An answer: null stands for an empty body. */
export type Metadata = { readonly status: 200; readonly body: Json } | { readonly status: 404; readonly body: { readonly error: string } };

const V2_MODEL = /^\/v2\/models\/([^/]+)(?:\/versions\/([^/]+))?(\/ready)?$/;
const V1_MODEL = /^\/v1\/models\/([^/:]+)(?:\/versions\/([^/:]+))?$/;

/** The answer to `GET path`, or null when the path is none of these. `path` carries no query. */
export function answerMetadata(path: string, model: ServedModel): Metadata | null {
  if (path === '/v2') return { status: 200, body: { name: 'driftline', version: '2', extensions: [] } };
  if (path === '/v2/health/live') return { status: 200, body: { live: true } };
  if (path === '/v2/health/ready') return { status: 200, body: { ready: true } };
  if (path === '/v1/models') return { status: 200, body: { models: model.name === null ? [] : [model.name] } };
  if (path === '/ping' || path === '/health') return { status: 200, body: null };
  const [, name, version, ready] = V2_MODEL.exec(path) ?? V1_MODEL.exec(path) ?? [];
  if (name === undefined) return null;
  const asked = { model: decode(name), version: version === undefined ? null : decode(version) };
  const unknown = unknownModel(asked, model);
  if (unknown !== null) return { status: 404, body: { error: unknown } };
  if (ready !== undefined || path.startsWith('/v1')) return { status: 200, body: { name: asked.model, ready: true } };
  const ports = (specs: readonly TensorSpec[]) => specs.map((spec) => ({ name: spec.name, datatype: spec.datatype, shape: spec.shape }));
  return {
    status: 200,
    body: {
      name: asked.model,
      versions: model.version === null ? [] : [model.version],
      platform: 'onnxruntime_onnx',
      inputs: ports(model.inputs),
      outputs: ports(model.outputs),
    },
  };
}

/** Why the call is for another model than the one served, or null when it is for this one. */
export function unknownModel(
  asked: { readonly model: string | null; readonly version: string | null },
  served: Pick<ServedModel, 'name' | 'version'>,
): string | null {
  if (asked.model !== null && served.name !== null && asked.model !== served.name) return `unknown model; this server has ${served.name}`;
  if (asked.version !== null && served.version !== null && asked.version !== served.version) {
    return `unknown version; this server has ${served.version}`;
  }
  return null;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
