/**
 * A policy as text, guesses marked for review. Keys that the policy cannot have yet are proposed in comments only.
 */
import { pathProtocols } from '../../policies/schema.ts';
import type { GuessedColumn, LeftOut } from './guess.ts';

/** What the text is made of. */
export interface Draft {
  /** File or model that it was made from, for the reader. */
  readonly from: string;
  readonly name: string;
  readonly upstream: string;
  readonly upstreamGiven: boolean;
  readonly protocol: string;
  readonly inputs: readonly GuessedColumn[];
  readonly outputs: readonly GuessedColumn[];
  readonly leftOut: readonly LeftOut[];
  /** The label's column; null = not known. */
  readonly target: string | null;
  /** Output that labels are compared with; null = not known. */
  readonly prediction: string | null;
  /** Reference file; null = learned from traffic. */
  readonly reference: string | null;
  readonly windowRows: number;
  /** Whether rows that follow each other are alike. */
  readonly dependent: boolean;
  /** File with the JSON Schema of policies, for editors. */
  readonly editorSchema: string;
  /** Model file that could answer when the model server does not; null = none. */
  readonly fallback: string | null;
  readonly notes: readonly string[];
}

/** The YAML. */
export function policyText(draft: Draft): string {
  const { name, upstream, upstreamGiven, protocol, inputs, outputs, reference, windowRows, fallback } = draft;
  const prediction =
    draft.prediction === null ? [] : [`    prediction: ${scalar(draft.prediction)} # REVIEW: the output that labels are compared with`];
  const lines = [
    `# yaml-language-server: $schema=${draft.editorSchema}`,
    `# Made by driftline init from ${oneLine(draft.from)}. Lines marked REVIEW are guesses: look at each, then take the mark away.`,
    ...draft.notes.map((note) => `# ${oneLine(note)}`),
    'apiVersion: driftline/v1',
    'kind: Policy',
    'metadata:',
    `  name: ${name}`,
    'spec:',
    '  model:',
    `    name: ${name} # REVIEW: the model’s own name`,
    ...prediction,
    ...(draft.prediction === null
      ? [
          `    # prediction: NAME # REVIEW: the output that labels${draft.target === null ? '' : ` (${oneLine(draft.target)})`} are compared with, listed under outputs`,
        ]
      : []),
    '  traffic:',
    `    protocol: ${protocol}`,
    '    upstreams:',
    `      primary: { url: ${scalar(upstream)} }${upstreamGiven ? '' : ' # REVIEW: where the model server listens'}`,
    ...(fallback === null
      ? []
      : [`      # fallback: { onnx: ${scalar(fallback)} } # REVIEW: this model could answer when the server does not`]),
    ...schemaLines(draft),
    reference === null
      ? '  reference: { source: traffic, learn: { rows: 1000 } }'
      : `  reference: { source: file, path: ${reference}, kind: training }`,
    `  window: { type: tumbling, rows: ${windowRows} } # REVIEW: as many rows as a verdict may wait for`,
    ...(reference === null
      ? []
      : [
          '  # REVIEW: a budget of false alarms sets q below (leave q out then); `driftline check` shows what either costs:',
          '  # falseAlarms: { atMost: 1, per: 100 windows }',
        ]),
    ...monitorLines(draft, inputs, outputs),
    '  alerts:',
    '    routes:',
    '      - { actions: [console] }',
    '  actions:',
    '    - { name: console, type: console } # REVIEW: add whom to tell; `driftline check --schema` lists all keys',
  ];
  return `${lines.join('\n')}\n`;
}

function schemaLines({ inputs, outputs, leftOut, protocol }: Draft): string[] {
  const lines = ['  schema:'];
  const side = (key: 'inputs' | 'outputs', columns: readonly GuessedColumn[]) => {
    if (columns.length === 0) return;
    lines.push(`    ${key}:`, ...columns.map((column) => `      - ${columnText(column, protocol)}`));
  };
  side('inputs', inputs);
  side('outputs', outputs);
  if (inputs.length === 0) lines.push('    inputs: [] # learned from traffic');
  if (outputs.length === 0) lines.push('    # outputs are learned from traffic; list them to name a prediction');
  const personal = leftOut.filter(({ propose }) => propose !== null);
  for (const { name, why } of leftOut.filter(({ propose }) => propose === null))
    lines.push(`    # REVIEW: ${oneLine(name)} is left out: ${why}`);
  if (personal.length > 0) {
    lines.push(
      '    # Left out of schema, monitors and reference, since they may tell who someone is. A policy has no key yet that hashes or',
    );
    lines.push(
      '    # drops them (`privacy` is refused): what the capture sees is stored as it is, so keep them out of requests where you can.',
    );
    for (const { name, why, propose } of personal) lines.push(`    # REVIEW: ${oneLine(name)}: ${why}; ${propose} it`);
  }
  return lines;
}

function columnText(column: GuessedColumn, protocol: string): string {
  const { name, type, tensor, index, required, min, max, values, maxMissing, maxUnseen, review } = column;
  const raw = pathProtocols.has(protocol);
  const path = /^[^.[\]\s"\\]+$/.test(name) ? `$.${name}` : '$.REVIEW';
  const keys = [
    `name: ${scalar(name)}`,
    `type: ${type}`,
    raw ? `path: ${JSON.stringify(path)}` : null,
    raw || tensor === undefined ? null : `tensor: ${scalar(tensor)}`,
    raw || index === undefined ? null : `index: ${index}`,
    required ? 'required: true' : null,
    min === null ? null : `min: ${min}`,
    max === null ? null : `max: ${max}`,
    values === null ? null : `values: [${values.map((value) => JSON.stringify(value)).join(', ')}]`,
    maxMissing === null ? null : `maxMissing: ${maxMissing}`,
    maxUnseen === null ? null : `maxUnseen: ${maxUnseen}`,
  ].filter((key) => key !== null);
  const marks = raw ? [...review, 'where it stands in the body'] : review;
  return `{ ${keys.join(', ')} }${marks.length === 0 ? '' : ` # REVIEW: ${oneLine(marks.join('; '))}`}`;
}

function monitorLines(
  { dependent, prediction, target }: Draft,
  inputs: readonly GuessedColumn[],
  outputs: readonly GuessedColumn[],
): string[] {
  const floor = dependent ? 0.15 : 0.1;
  const numeric = inputs.length === 0 || inputs.some(({ type }) => ['number', 'integer', 'boolean'].includes(type));
  const categorical = inputs.length === 0 || inputs.some(({ type }) => type === 'categorical');
  const lines = ['  monitors:'];
  if (numeric || categorical) {
    lines.push('    - name: input-drift', '      features: "*"', '      detectors:');
    if (numeric) lines.push(`        numeric: { type: ks, effect: { stat: D, atLeast: ${floor} } }`);
    if (categorical) lines.push(`        categorical: { type: chi-squared, effect: { stat: cramers_v, atLeast: ${floor} } }`);
    lines.push(
      '      correction: { method: benjamini-hochberg, q: 0.01 }',
      dependent
        ? '      for: 2 windows # REVIEW: rows that follow each other are alike here, so one window’s drift may be the hour of the day'
        : '      for: 2 windows',
      '      severity: warning',
    );
  }
  if (prediction !== null && outputs.length > 0) {
    lines.push('    - name: error-rate # speaks once labels come to /v1/feedback', '      needs: feedback', '      detectors:');
    lines.push('        error: { type: ddm }', '      severity: critical');
  } else {
    const label = target === null ? 'labels' : `labels (${oneLine(target)})`;
    lines.push(`    # REVIEW: once model.prediction is named, ${label} can be judged:`);
    lines.push('    # - { name: error-rate, needs: feedback, detectors: { error: { type: ddm } }, severity: critical }');
  }
  lines.push(
    '    - name: failed-calls',
    '      features: [request.failed]',
    '      detectors:',
    '        numeric: { type: adwin }',
    '      severity: critical',
  );
  return lines;
}

/** A YAML scalar: plain where that is safe, else in double quotes, in which JSON's escapes are YAML's. */
function scalar(text: string): string {
  const plain = /^[A-Za-z_][\w-]*$/.test(text) && !/^(true|false|null|yes|no|on|off|y|n)$/i.test(text);
  return plain ? text : JSON.stringify(text);
}

/** A comment must not end its line, nor turn it round. */
function oneLine(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: those are what is taken out
  const plain = text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]+/g, ' ');
  return plain.length > 300 ? `${plain.slice(0, 299)}…` : plain;
}
