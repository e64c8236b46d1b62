/**
 * A comparison as one HTML file: no script, no other file, nothing loaded. Columns that matter most come first, each as a picture.
 */
import { VERSION } from '../version.ts';
import type { ColumnComparison, Comparison, Side, Summary, Verdict } from './columns.ts';
import { effectsChart, pictureOf } from './drawing.ts';
import { escapeHtml } from './escape-html.ts';
import { reportStyle } from './report-style.ts';
import { rulesOf } from './table.ts';
import { chance, figure, percent, several, togetherInWords } from './words.ts';

const SIGNS: { readonly [verdict in Verdict]: string } = { drift: '▲', insufficient: '?', same: '=', skipped: '–' };
const MEANINGS: { readonly [verdict in Verdict]: string } = {
  drift: 'drifted',
  insufficient: 'too few values',
  same: 'same',
  skipped: 'not compared',
};
const NOT_DRAWN: { readonly [verdict in Verdict]: string } = {
  drift: 'Nothing to draw beside each other.',
  insufficient: 'Nothing to draw yet.',
  same: 'Nothing to draw.',
  skipped: 'No distribution to compare.',
};

/** Widths of the pictures, as the cards are in CSS. */
const LARGE = 380;
const SMALL = 250;

/** The page. */
export function reportOf(comparison: Comparison): string {
  const { reference, current, columns, together, notes } = comparison;
  const drawn = columns.filter(({ verdict, picture }) => verdict !== 'skipped' && picture !== null);
  const rest = columns.filter((column) => !drawn.includes(column));
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="generator" content="driftline ${escapeHtml(VERSION)}">
<meta name="color-scheme" content="light dark">
<title>${escapeHtml(headOf(comparison))} · driftline compare</title>
<style>${reportStyle}</style>
</head>
<body>
<header>
<p class="mark">driftline compare</p>
<h1 class="${[...columns, together].some((one) => one?.verdict === 'drift') ? 'drift' : 'same'}">${escapeHtml(headOf(comparison))}</h1>
<dl class="files">
<div><dt><i class="key reference"></i>reference</dt><dd>${fileOf(reference)}</dd></div>
<div><dt><i class="key current"></i>current</dt><dd>${fileOf(current)}</dd></div>
</dl>
<ul class="tally">${tallyOf(columns)}</ul>
</header>
${notes.map((note) => `<p class="note"><b>Note</b> ${escapeHtml(capital(note))}.</p>`).join('\n')}
${together === null ? '' : `<p class="note"><b>Whole table</b> ${escapeHtml(capital(togetherInWords(together)))}.</p>`}
<main>
<section aria-labelledby="effects"><h2 id="effects">How much each column moved</h2>
${effectsChart(columns, comparison.settings.threshold)}
</section>
<section aria-labelledby="columns"><h2 id="columns">Columns, largest difference first</h2>
${restOf(rest.filter(({ verdict }) => verdict === 'drift'))}
${cardsOf(drawn)}
${restOf(rest.filter(({ verdict }) => verdict !== 'drift'))}
</section>
<section aria-labelledby="figures"><h2 id="figures">All figures</h2>
<div class="scroll"><table>
<thead><tr><th>Column</th><th>Verdict</th><th class="n">Effect</th><th>Test</th><th class="n">Statistic</th><th class="n">p</th><th class="n">Adjusted p</th><th class="n">Wasserstein / sd</th><th class="n">Values</th><th class="n">Missing</th></tr></thead>
<tbody>
${columns.map(rowOf).join('\n')}
</tbody></table></div>
</section>
</main>
<footer><p>${escapeHtml(rulesOf(comparison))}.</p>
<p>Missing values: drift from Cohen’s h 0.2. The effect of categories is Cramér’s V with both files weighted alike, of numbers D, the largest distance between the two distribution functions. Made by driftline ${escapeHtml(VERSION)}.</p></footer>
</body>
</html>
`;
}

function headOf({ columns, together }: Comparison): string {
  const drifted = columns.filter(({ verdict }) => verdict === 'drift').length;
  if (drifted === 0 && together?.verdict === 'drift') return 'No column drifted alone, and all of them together did';
  return drifted === 0 ? `No drift in ${several(columns.length, 'column')}` : `${drifted} of ${several(columns.length, 'column')} drifted`;
}

function fileOf({ path, format, rows, kept }: Comparison['reference']): string {
  const sample = kept < rows ? `, a sample of ${kept.toLocaleString('en-US')} compared` : '';
  return `<span class="path">${escapeHtml(path)}</span> <span class="quiet">${several(rows, 'row')}${sample}, ${escapeHtml(format)}</span>`;
}

function tallyOf(columns: readonly ColumnComparison[]): string {
  return (['drift', 'insufficient', 'same', 'skipped'] as const)
    .map((verdict) => {
      const count = columns.filter((column) => column.verdict === verdict).length;
      return count === 0 ? '' : `<li class="${verdict}"><b>${count}</b> ${MEANINGS[verdict]}</li>`;
    })
    .join('');
}

/** Columns that stayed the same are drawn small. */
function cardsOf(drawn: readonly ColumnComparison[]): string {
  const cards = drawn.map((column, place) => ({ html: cardOf(column, place), same: column.verdict === 'same' }));
  const grid = (same: boolean, name: string) => {
    const some = cards.filter((card) => card.same === same);
    return some.length === 0 ? '' : `<div class="${name}">${some.map(({ html }) => html).join('\n')}</div>`;
  };
  return `${grid(false, 'cards')}${grid(true, 'cards small')}`;
}

function badgeOf(verdict: Verdict): string {
  return `<span class="badge ${verdict}">${SIGNS[verdict]} ${verdict}</span>`;
}

function cardOf(column: ColumnComparison, place: number): string {
  const { name, verdict, test, reasons, picture } = column;
  const effect = test === null ? '' : `<span class="effect"><b>${test.effect.toFixed(2)}</b> ${test.effectName === 'D' ? 'D' : 'V'}</span>`;
  const drawing =
    picture === null ? `<p class="quiet">${NOT_DRAWN[verdict]}</p>` : pictureOf(picture, name, verdict === 'same' ? SMALL : LARGE);
  return `<article class="card ${verdict}" id="c${place}">
<h3><span class="name">${escapeHtml(name)}</span>${badgeOf(verdict)}${effect}</h3>
<p class="what">${reasons.length === 0 ? 'No difference to speak of' : escapeHtml(capital(reasons.join('; ')))}.</p>
${drawing}
${missingStrip(column)}
${detailsOf(column)}
</article>`;
}

function missingStrip({ reference, current }: ColumnComparison): string {
  if (reference === null || current === null || (reference.missing === 0 && current.missing === 0)) return '';
  const bar = (side: 'reference' | 'current', share: number) =>
    `<span class="strip"><i class="${side}" style="width:${(100 * share).toFixed(2)}%"></i></span><span class="n">${percent(share)}</span>`;
  return `<p class="missing"><span>missing</span>${bar('reference', reference.missing)}${bar('current', current.missing)}</p>`;
}

function detailsOf({ reference, current, test, wasserstein, newCategories, vanishedCategories }: ColumnComparison): string {
  const rows: string[] = [];
  const both = (what: string, of: (side: Side) => string | null) => {
    const [before, now] = [reference === null ? null : of(reference), current === null ? null : of(current)];
    if (before !== null || now !== null)
      rows.push(`<tr><th>${what}</th><td class="n">${before ?? '–'}</td><td class="n">${now ?? '–'}</td></tr>`);
  };
  const summary = (what: string, of: (summary: Summary) => number) =>
    both(what, (side) => (side.summary === null || side.type === 'time' ? null : figure(of(side.summary))));
  both('values', (side) => Math.round(side.rows * (1 - side.missing)).toLocaleString('en-US'));
  both('distinct', (side) => side.distinct.toLocaleString('en-US'));
  summary('mean', ({ mean }) => mean);
  summary('deviation', ({ deviation }) => deviation);
  summary('least', ({ min }) => min);
  summary('quarter', ({ quartiles }) => quartiles[0]);
  summary('median', ({ quartiles }) => quartiles[1]);
  summary('three quarters', ({ quartiles }) => quartiles[2]);
  summary('largest', ({ max }) => max);
  both('like the row before', ({ autocorrelation }) => (autocorrelation === null ? null : autocorrelation.toFixed(2)));
  const lines = [
    test === null
      ? null
      : `${test.type}: statistic ${figure(test.statistic)}${test.degreesOfFreedom === null ? '' : ` on ${test.degreesOfFreedom} degrees of freedom`}${test.corrected ? ' (odds ratio with ½ added to each count, as it would be infinite)' : ''}, p ${chance(test.pValue)}, adjusted ${chance(test.adjustedPValue)}; effects from ${test.visible.toFixed(3)} on could be seen`,
    wasserstein === null ? null : `Wasserstein distance ${figure(wasserstein)} standard deviations of the reference`,
    newCategories.length === 0
      ? null
      : `new: ${newCategories
          .slice(0, 20)
          .map(({ category, share }) => `${category} (${percent(share)})`)
          .join(', ')}`,
    vanishedCategories.length === 0
      ? null
      : `vanished: ${vanishedCategories
          .slice(0, 20)
          .map(({ category, share }) => `${category} (${percent(share)})`)
          .join(', ')}`,
  ].filter((line) => line !== null);
  return `<details><summary>Figures</summary><table><thead><tr><td></td><th class="n">reference</th><th class="n">current</th></tr></thead><tbody>${rows.join('')}</tbody></table>${lines.map((line) => `<p>${escapeHtml(capital(line))}.</p>`).join('')}</details>`;
}

/** Columns without a picture. */
function restOf(columns: readonly ColumnComparison[]): string {
  if (columns.length === 0) return '';
  const lines = columns.map(
    ({ name, verdict, reasons }) =>
      `<li>${badgeOf(verdict)} <span class="name">${escapeHtml(name)}</span> <span class="quiet">${escapeHtml(reasons.join('; '))}</span></li>`,
  );
  return `<ul class="rest">${lines.join('\n')}</ul>`;
}

function rowOf({ name, verdict, test, reference, current, wasserstein }: ColumnComparison): string {
  const values = [reference, current].map((side) =>
    side === null ? '–' : Math.round(side.rows * (1 - side.missing)).toLocaleString('en-US'),
  );
  const missing = [reference, current].map((side) => (side === null ? '–' : percent(side.missing)));
  const cells =
    test === null
      ? '<td></td><td></td><td></td><td></td><td></td>'
      : `<td class="n">${test.effectName === 'D' ? 'D' : 'V'} ${test.effect.toFixed(3)}</td><td>${test.type}</td><td class="n">${figure(test.statistic)}</td><td class="n">${chance(test.pValue)}</td><td class="n">${chance(test.adjustedPValue)}</td>`;
  return `<tr><th class="name">${escapeHtml(name)}</th><td>${badgeOf(verdict)}</td>${cells}<td class="n">${wasserstein === null ? '' : figure(wasserstein)}</td><td class="n">${values.join(' → ')}</td><td class="n">${missing[0] === missing[1] ? missing[0] : missing.join(' → ')}</td></tr>`;
}

function capital(text: string): string {
  return `${text.slice(0, 1).toUpperCase()}${text.slice(1)}`;
}
