/**
 * What an onlooker cannot do: `mode: observe` passes bytes on as they come, so whatever would turn, refuse or repeat a call is a mistake.
 */
import { at } from './mistakes.ts';
import type { Inspection } from './semantics.ts';
import type { Path } from './yaml.ts';

/** Limits that hold without reading along: for accepting, for the first bytes, for dialling. */
const LIMITS_THAT_HOLD = new Set(['connections', 'connectionsPerAddress', 'headTimeout', 'connectTimeout']);
const INTERVENING = ['split', 'parser', 'retry', 'breaker'];
const INSTEAD = 'remove it, or use `mode: intervene`';

/** Checks what goes with `spec.traffic.mode: observe`. */
export function checkObserve(inspection: Inspection): void {
  const spec = inspection.document.spec;
  if (spec?.traffic?.mode !== 'observe') return;
  const traffic: Path = ['spec', 'traffic'];
  const isWritten = (path: Path) => at(inspection.written, path) !== undefined;
  const wrong = (path: Path, why: string) => isWritten(path) && inspection.mistake(path, `${why} — ${INSTEAD}`, 'key');

  for (const key of INTERVENING) wrong([...traffic, key], `\`${key}\` does not go with \`mode: observe\`, which sends no call itself`);
  wrong(['spec', 'shadow'], '`shadow` does not go with `mode: observe`, which sends no call itself');
  for (const key of Object.keys(Object(at(inspection.written, [...traffic, 'limits'])))) {
    if (!LIMITS_THAT_HOLD.has(key))
      wrong([...traffic, 'limits', key], 'the limit cannot be kept in `mode: observe`, where connections end only when one side ends them');
  }
  const upstreams = Object.keys(Object(at(inspection.written, [...traffic, 'upstreams'])));
  wrong([...traffic, 'upstreams', 'fallback'], 'a fallback cannot answer in `mode: observe`');
  for (const name of upstreams.filter((name) => name !== 'fallback')) {
    wrong([...traffic, 'upstreams', name, 'timeout'], 'no answer is waited for in `mode: observe`, so none can be late');
  }
  for (const name of upstreams.filter((name) => name !== 'fallback').slice(1)) {
    wrong([...traffic, 'upstreams', name], 'there is one server in `mode: observe`; no call can be sent to another');
  }
  for (const [index, action] of (spec.actions ?? []).entries()) {
    if (action?.type === 'rollback') wrong(['spec', 'actions', index], 'no route can be turned in `mode: observe`');
  }
  const wantsLabels = spec.model?.prediction !== undefined || spec.monitors?.some((monitor) => monitor?.needs === 'feedback') === true;
  if (wantsLabels) {
    inspection.warning(
      [...traffic, 'mode'],
      'callers are told no id: feedback finds only calls that bring an own x-request-id or ce-id, or an id in a V2 body — have callers send one, or use `mode: intervene`',
    );
  }
}
