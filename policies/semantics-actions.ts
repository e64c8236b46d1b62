/**
 * Checks of routes, actions and exporters.
 */
import { isPrivateUrl, serviceMistake } from './addresses.ts';
import type { ActionDocument, Partly } from './document.ts';
import { at, shown } from './mistakes.ts';
import { checkLongest, checkNames, type Inspection, namesAt } from './semantics.ts';
import { remedyFor } from './suggest.ts';
import type { Path } from './yaml.ts';

/** Checks `spec.alerts`, `spec.actions` and `spec.exporters`. */
export function checkActions(inspection: Inspection): void {
  const spec = inspection.document.spec;
  const actions = spec?.actions ?? [];
  checkNames(inspection, ['spec', 'actions'], actions);
  for (const [index, action] of actions.entries()) if (action !== undefined) checkAction(inspection, ['spec', 'actions', index], action);
  checkRoutes(inspection);
  for (const [index, node] of (spec?.exporters?.elasticsearch?.nodes ?? []).entries()) {
    const wrong = node === undefined ? null : serviceMistake(node);
    if (wrong !== null) inspection.mistake(['spec', 'exporters', 'elasticsearch', 'nodes', index], wrong);
  }
}

function checkRoutes(inspection: Inspection): void {
  const actions = namesAt(inspection.written, ['spec', 'actions']);
  const monitors = [...namesAt(inspection.written, ['spec', 'monitors']), 'schema'];
  const used = new Set<string>();
  for (const [index, route] of (inspection.document.spec?.alerts?.routes ?? []).entries()) {
    const here = ['spec', 'alerts', 'routes', index];
    const monitor = route?.match?.monitor;
    if (monitor !== undefined && !monitors.includes(monitor)) {
      inspection.mistake([...here, 'match', 'monitor'], `there is no monitor \`${monitor}\` — ${remedyFor(monitor, monitors, 'add it')}`);
    }
    for (const [position, name] of (route?.actions ?? []).entries()) {
      if (name === undefined) continue;
      used.add(name);
      if (!actions.includes(name))
        inspection.mistake(
          [...here, 'actions', position],
          `there is no action \`${name}\` — ${remedyFor(name, actions, 'add it under spec.actions')}`,
        );
    }
  }
  for (const [index, action] of (inspection.document.spec?.actions ?? []).entries()) {
    if (action?.name !== undefined && !used.has(action.name))
      inspection.warning(['spec', 'actions', index, 'name'], `no route leads to \`${action.name}\` — add one under spec.alerts.routes`);
  }
}

function checkAction(inspection: Inspection, here: Path, action: Partly<ActionDocument>): void {
  if (action.type === 'webhook') checkWebhook(inspection, here, action);
  if (action.type !== 'rollback') return;
  if (isUnbounded(inspection, here)) inspection.warning(here, 'this rollback has no guard — add `guard: {maxPerDay: 1}`');
  const names = Object.keys(Object(at(inspection.written, ['spec', 'traffic', 'upstreams'])));
  for (const [index, step] of (action.steps ?? []).entries()) {
    checkLongest(inspection, [...here, 'steps', index, 'verifyWithin'], step?.verifyWithin, '5m');
    if (step?.to === undefined || names.includes(step.to)) continue;
    inspection.mistake([...here, 'steps', index, 'to'], `there is no upstream \`${step.to}\` — ${remedyFor(step.to, names, 'add it')}`);
  }
}

function checkWebhook(inspection: Inspection, here: Path, action: Partly<ActionDocument>): void {
  checkLongest(inspection, [...here, 'timeout'], action.timeout, '5m');
  if (action.purpose === 'retrain' && isUnbounded(inspection, here)) {
    inspection.warning(here, 'this retraining call has no guard — add `guard: {maxPerDay: 1, notWhen: [schema_violation]}`');
  }
  if (action.purpose === 'retrain' && action.format === 'alertmanager-v4') {
    inspection.mistake([...here, 'format'], 'an Alertmanager body has no place for a training window — use cloudevents');
  }
  if (action.url === undefined) return;
  const wrong = serviceMistake(action.url);
  if (wrong !== null) inspection.mistake([...here, 'url'], wrong);
  else if (action.allowPrivate !== true && isPrivateUrl(action.url)) {
    const host = URL.parse(action.url)?.host;
    inspection.mistake([...here, 'url'], `${shown(host)} is a private address and would be refused — add \`allowPrivate: true\``);
  }
}

/** Whether nothing limits how often the action acts. */
function isUnbounded(inspection: Inspection, here: Path): boolean {
  return ['maxPerDay', 'cooldown'].every((key) => at(inspection.written, [...here, 'guard', key]) === undefined);
}
