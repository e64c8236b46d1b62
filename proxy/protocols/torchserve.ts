/**
 * TorchServe's prediction API. The handler decides what a body means, so it is read as plain JSON by the mapping of the policy.
 *
 * Source: TorchServe, Inference API.
 */
import type { Protocol } from '../../contracts/protocol.ts';
import { pathOf, segmentText } from './call-path.ts';
import type { Mapping } from './mapping.ts';
import { rawJson } from './raw-json.ts';

const PATH = /^\/predictions\/([^/]+)(?:\/([^/]+))?$/;

/**
 * The protocol for one policy's mapping.
 *
 * @throws ConfigError `json-path` when a path of the mapping cannot be read.
 */
export function torchserve(mapping: Mapping): Protocol {
  return {
    ...rawJson(mapping),
    type: 'torchserve',
    summary: 'TorchServe predictions, JSON bodies read by the paths that the policy gives its columns.',

    match({ method, path }) {
      const found = method === 'POST' || method === 'PUT' ? PATH.exec(pathOf(path)) : null;
      if (found === null) return null;
      const [, model = '', version] = found;
      return { model: segmentText(model), version: version === undefined ? null : segmentText(version) };
    },
  };
}
