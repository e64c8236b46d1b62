/**
 * The protocols that Driftline understands. One line here for one file in `protocols/`.
 */
import { ConfigError } from '../contracts/errors.ts';
import type { Protocol } from '../contracts/protocol.ts';
import { kserveV1 } from './protocols/kserve-v1.ts';
import { kserveV2 } from './protocols/kserve-v2.ts';
import { kserveV2Generate } from './protocols/kserve-v2-generate.ts';
import type { Mapping } from './protocols/mapping.ts';
import { mlflow } from './protocols/mlflow.ts';
import { openai } from './protocols/openai.ts';
import { rawJson } from './protocols/raw-json.ts';
import { tfserving } from './protocols/tfserving.ts';
import { torchserve } from './protocols/torchserve.ts';

export type { Derived, MappedColumn, Mapping } from './protocols/mapping.ts';

/** In the order in which `auto` tries them: the more particular path first, any path last. */
const protocols: { readonly [type: string]: (mapping: Mapping) => readonly Protocol[] } = {
  'kserve-v2': () => [kserveV2, kserveV2Generate],
  'kserve-v1': () => [kserveV1],
  tfserving: () => [tfserving],
  mlflow: () => [mlflow],
  torchserve: (mapping) => [torchserve(mapping)],
  openai: () => [openai],
  'raw-json': (mapping) => [rawJson(mapping)],
};

/** The words that a policy may use, `auto` apart, in the order in which `auto` tries them. */
export const protocolTypes: readonly string[] = Object.keys(protocols);

/**
 * The protocols of a policy; the first whose `match` answers decodes the call. `auto` gives all that know their paths, and `raw-json`,
 * which takes any, only together with a mapping.
 *
 * @throws ConfigError `unknown-protocol`; `json-path` when a path of the mapping cannot be read.
 */
export function protocolsFor(type: string, mapping: Mapping): readonly Protocol[] {
  if (type === 'auto') {
    const mapped = mapping.inputs.length + mapping.outputs.length > 0;
    return protocolTypes.filter((name) => name !== 'raw-json' || mapped).flatMap((name) => protocolsFor(name, mapping));
  }
  const make = Object.hasOwn(protocols, type) ? protocols[type] : undefined;
  if (make === undefined) throw new ConfigError('unknown-protocol', `protocol ${type}: choose auto or one of ${protocolTypes.join(', ')}`);
  return make(mapping);
}
