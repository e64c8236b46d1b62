/**
 * The written part of docs/detectors.md: which detector to choose, and what each is good and bad at.
 */

/** What a user should know of a detector before choosing it. */
export interface Note {
  readonly goodAt: string;
  readonly badAt: string;
  /** What it must have seen or been given before it judges. */
  readonly needs: string;
  /** CPU and memory. */
  readonly cost: string;
}

/** By the detector's type. Costs are medians of bench/results.md on a busy machine. */
export const notes: { readonly [type: string]: Note } = {
  ddm: {
    goodAt: 'a rising error rate, abrupt or slow; the cheapest there is',
    badAt:
      'rare errors, and errors that come in spells: raise `warmStart`, `minErrors` and `driftThreshold` there; slow after a long good past',
    needs: '30 labels and 30 errors',
    cost: '10 ns, a few numbers',
  },
  eddm: {
    goodAt: 'nothing that another does not do better',
    badAt: '**do not use it**: it alarms in a third to a half of healthy windows; kept to compare with what others have',
    needs: '30 errors',
    cost: '9 ns, a few numbers',
  },
  'hddm-a': {
    goodAt: 'an error rate that jumps; hardly a false alarm where labels are independent',
    badAt: 'small and slow rises: it averages over all since the last alarm',
    needs: 'nothing: judges from the first label',
    cost: '18 ns, a few numbers',
  },
  'hddm-w': {
    goodAt: 'an error rate that jumps, after however long a good past: it weighs the newest labels most',
    badAt: 'small rises, which it forgets as they come; errors in spells',
    needs: 'nothing: judges from the first label',
    cost: '12 ns, a few numbers',
  },
  adwin: {
    goodAt: 'a change of the mean of anything, in either direction, and when it began; few false alarms by default',
    badAt:
      'a daily cycle, which is a change of the mean every few hours unless a budget sets its level, with blocks of a day; changes of spread',
    needs: '100 values to learn the scale, none for zeros and ones',
    cost: '32 ns at `clock: 32`, about 1 KB',
  },
  'page-hinkley': {
    goodAt: 'a lasting shift of the mean at the cost of a few additions; small rises of an error rate, also where errors come in spells',
    badAt: 'changes of spread; values that depend on each other, unless a budget sets its threshold',
    needs: '100 values to learn the scale, none for zeros and ones',
    cost: '14 ns, a few numbers',
  },
  kswin: {
    goodAt: 'a shift of two standard deviations within tens of values',
    badAt: 'about one false alarm every 1/`alpha` values by construction; with a budget it becomes blind to small changes; dear',
    needs: '100 values',
    cost: '1.5 µs, 100 values',
  },
  cusum: {
    goodAt: 'an abrupt shift of the mean, soonest of all: it compares with where the stream began',
    badAt:
      'a stream whose beginning was not normal; daily cycles, of which 200 values tell little: a budget then sets it a threshold as of days (`warmUp: 1000` or more lowers it); shifts below its `allowance`',
    needs: '200 normal values at the start',
    cost: '29 ns, a few numbers',
  },
  variance: {
    goodAt: 'a spread that grows or shrinks while the mean stays, which none of the other streaming detectors sees',
    badAt: 'the mean, on purpose; heavy tails without a budget',
    needs: '400 normal values at the start',
    cost: '22 ns, a few numbers',
  },
  'e-detector': {
    goodAt: 'labels, rewards and rates without a reference: its false alarms are bounded by proof, at any number of looks',
    badAt: 'speed: the proof costs delay; values that depend on each other void it, and it is calibrated like the others there',
    needs: '1,000 values, or `mean`, `low` and `high` written out',
    cost: 'constant, a few numbers',
  },
  'confidence-sequence': {
    goodAt: 'an interval for the mean that holds at any moment: for reports as much as for alarms',
    badAt: 'quick answers; values that depend on each other',
    needs: '1,000 values, or `mean`, `low` and `high` written out',
    cost: 'constant, a few numbers',
  },
  ks: {
    goodAt: 'any change of a column of numbers; the default, and what `init` writes',
    badAt: 'the far tail; columns of a few values (use `chi-squared`); with huge windows it finds what does not matter: state an `effect`',
    needs: 'a reference and a full window',
    cost: '0.4 ms for 10,000 against 10,000',
  },
  wasserstein: {
    goodAt: 'how far a column moved, in standard deviations: an effect that people understand; outliers',
    badAt: 'heavy tails, where a few values decide; p only down to 1 in 2,000',
    needs: 'a reference and a full window',
    cost: '0.9 ms for 10,000 against 10,000, and the random splits',
  },
  energy: {
    goodAt: 'changes of spread and shape; finds what `ks` finds',
    badAt: 'cost; p only down to 1 in 2,000; no reference without rows',
    needs: 'a reference with rows and a full window',
    cost: 'as `wasserstein`',
  },
  'chi-squared': {
    goodAt: 'a change of the mix of categories, new ones included; the default for categories',
    badAt: 'very many rare categories, which are pooled',
    needs: 'a reference and a full window',
    cost: '0.4 ms for 10,000 against 10,000',
  },
  'g-test': {
    goodAt: 'the same as `chi-squared`, slightly better at rare categories',
    badAt: 'the same as `chi-squared`',
    needs: 'a reference and a full window',
    cost: 'as `chi-squared`',
  },
  fisher: {
    goodAt: 'two categories and few rows: exact',
    badAt: 'nothing gained with hundreds of rows',
    needs: 'a reference and a full window',
    cost: 'as `chi-squared`',
  },
  'two-proportion': {
    goodAt: 'one share: failed calls, a flag, the most frequent category',
    badAt: 'everything but that share: of a column of numbers it sees only how many are 0',
    needs: 'a reference and a full window',
    cost: 'one pass over the window',
  },
  'jensen-shannon': {
    goodAt:
      'a distance between 0 and 0.833 to put a threshold on, for numbers and categories alike; a changed spread where rows depend on each other, sooner than `ks`',
    badAt: 'small shifts inside a bin; its size depends on bins and rows, so let the budget judge and the distance only inform',
    needs: 'a reference and a full window',
    cost: 'one pass over the window',
  },
  hellinger: {
    goodAt: 'as `jensen-shannon`, from 0 to 1',
    badAt: 'as `jensen-shannon`',
    needs: 'a reference and a full window',
    cost: 'one pass over the window',
  },
  psi: {
    goodAt: 'a figure that banks and auditors know (0.1 and 0.25)',
    badAt:
      'its customary thresholds say nothing of false alarms: below 1,000 rows a healthy window passes 0.1, with many it misses real change',
    needs: 'a reference and a full window',
    cost: 'one pass over the window',
  },
  'total-variation': {
    goodAt: 'the share of rows that moved: the easiest distance to explain',
    badAt: 'as `jensen-shannon`',
    needs: 'a reference and a full window',
    cost: 'one pass over the window',
  },
  'l-infinity': {
    goodAt: 'one bin or category that grew or shrank',
    badAt: 'many small changes at once',
    needs: 'a reference and a full window',
    cost: 'one pass over the window',
  },
  mmd: {
    goodAt: 'changes between columns that no single column shows; embeddings',
    badAt: 'a change of one column among many; cost grows with the square of the rows',
    needs: 'a reference with rows and a full window',
    cost: 'kernel of the window and as many reference rows',
  },
  'domain-classifier': {
    goodAt: 'changes of many columns together, with the columns that betray them; categories and gaps included',
    badAt: 'small windows; the dearest test',
    needs: 'a reference with rows and a full window',
    cost: 'two forests a window',
  },
};

/** The decision path. */
export const choosing = `## Which one?

Start at the row that names what you watch. Then run \`driftline check\` (what to expect of false alarms, what can be seen at all) and
\`driftline backtest policy.yaml data.csv\` on your own data, with \`--time COLUMN\` where rows have times: the tables below were made with it, and
yours count more.

| You watch | Take | Instead |
|---|---|---|
| the error rate, from labels | \`ddm\` | \`hddm-a\` where only a jump matters and a false alarm is dear; \`e-detector\` where the budget must hold by proof |
| an error rate whose errors come in spells (sensors, markets) | \`ddm\`, with a higher \`driftThreshold\` (4 to 5) and \`minErrors: 100\` where it alarms too often | \`adwin\` or \`e-detector\`: fewer false alarms, and later or blind to small rises; never \`hddm-w\`, which takes a bad spell for a change |
| rare errors (below 1 in 100) | \`e-detector\` with \`mean\`, \`low: 0\` and \`high: 1\` written out | \`two-proportion\` on an output column, with large windows |
| a reward (a bandit, clicks) | \`adwin\` | \`e-detector\` with \`low\` and \`high\`, for a bound without a reference |
| a column of numbers | \`ks\` | \`wasserstein\` where its effect in standard deviations is what people ask for |
| … and minutes matter more than what kind of change it is | \`adwin\` | \`cusum\`, sooner still on large shifts, where the first 200 values are known to be normal |
| … of which only the spread matters (noise, a failing sensor) | \`variance\` | \`ks\` sees it too, a window later |
| a column of categories, yes or no | \`chi-squared\` | \`fisher\` below some tens of rows; \`two-proportion\` for one share |
| many columns at once, what lies between them | \`domain-classifier\` | \`mmd\` for embeddings; single columns stay watched by \`ks\` beside it |
| latency, time to first token | \`adwin\` | no windowed test: these signals come call by call; \`cusum\` where the first calls are known to be good |
| failed calls | \`adwin\` on \`request.failed\` | \`e-detector\` with \`mean\`, \`low: 0\` and \`high: 1\` |
| missing values, wrong units, new categories | no detector: the schema (\`required\`, \`min\`, \`max\`, \`values\`), or a monitor with \`quality\` | a unit that stays inside the range shows in \`ks\` |
| a distance that an auditor asks for | \`psi\` or \`jensen-shannon\`, its level from the budget | never its customary threshold alone |

Four more questions:

- **Do rows depend on each other** (a clock, a market, one user after the other)? Then take windowed tests, keep the reference in its order and
  state \`falseAlarms\`: levels then come from replays in blocks, and \`check\` says which blocks. Plain p-values alarm in every other healthy
  window of such data. Give a window whole days or weeks. Of the streaming detectors \`adwin\` and \`cusum\` find a shift of one standard deviation there, the others
  larger ones or none.
- **How many columns?** A budget is divided among them by itself: the windowed tests of a monitor share one level (Benjamini–Hochberg), streaming
  detectors get a part each. Beyond some dozens of columns windowed tests see more at the same budget.
- **How soon must it be?** A windowed test answers when its window is full: choose the window by how long you may wait, and by what \`check\` says
  it can see. A streaming detector answers large changes within tens of rows, and small ones no sooner than a window would.
- **Which difference matters?** Many rows make any difference significant, so state a floor, \`effect: {atLeast: 0.1}\`, on the effect that the next table names.
  It is the size of the difference, whatever the number of rows on either side ([why](decisions/0031-effects-do-not-count-rows.md)). \`D\`, \`difference\` and
  \`total_variation\` are shares of rows, \`wasserstein_sd\` is standard deviations. \`cramers_v\` is Cramér’s V with both sides weighted alike: 0.1 is small (a share that goes
  from 50 to 60 %, from 5 to 10 %, or from 0 to 2 %), 0.3 middling, 0.5 large, as for Cohen’s w.

Without \`falseAlarms\` the defaults stand: a windowed monitor alarms in up to 5 % of healthy windows (\`q: 0.05\`) where rows are independent, and
in far more where they are not; the streaming defaults are those of the tables on errors below. Labels and calls have no reference to replay, so
there the defaults stand with a budget too, but for \`e-detector\` and \`confidence-sequence\`, which keep it by their own guarantee.

Values may have any size: a streaming detector that learns its scale judges values about 10⁻³⁰⁰ or 10³⁰⁰ as it judges values about 1. Where \`adwin\` and \`page-hinkley\` take
values as they are (\`semantics: river\`, and streams that begin with zeros and ones only) those beyond ±10¹⁴⁰ count as ±10¹⁴⁰; for \`wasserstein\` and \`energy\` those
beyond ±4·10³⁰⁷ count as that.

`;

/** What stands above the measured tables. */
export function measuring(measured: readonly { readonly runs: number; readonly falseAlarms: { readonly of: number } }[]): string {
  const windows = [...new Set(measured.map(({ runs, falseAlarms }) => falseAlarms.of / runs))].join(' or ');
  return `## What they find

Measured by \`driftline backtest\`, one detector at a time, everything else by default, with a budget of one false alarm in 100 windows
(\`falseAlarms: {atMost: 1, per: 100 windows}\`). **False alarms**: the share of healthy windows in which something is found and its alert fires, be it since
before, of ${windows} a run; *no level* where none within the detector’s range keeps the budget, so that it stays silent there and \`check\` says so. The bounds take the
windows of one run, which share a reference and detectors, as fewer where the runs differ more than chance would have it. The other columns: of as
many changes as there are runs the share that was found within six windows, **bold** from four in five, and the median number of rows until then (in
steps of 20; a window for tests). Changes that come while an alert on their column fires are left out, as they tell nothing; *firing* where that was so for
all. A change found as often as there are false alarms is no find. Changes are made to one column at a time, each in its turn; a *category mix* of so
many points raises the share of the second most frequent category by so many percentage points.

Independent rows: 6,000 of a normal and a skewed column that go together, a category of four, and predictions of which 1 in 10 is wrong; windows of
500. Elec2: the first year of the market of New South Wales (17,520 half hours): price, demand, whether the price rose, and as a prediction what the
last half hour did (wrong in 1 of 7, in spells); windows of 480 rows, ten days, drawn in blocks of a day. *Relation* shuffles one column among the
rows of its window: each column looks as before. Missing values are shown where anything finds them: tests leave gaps out. \`jensen-shannon\`,
\`hellinger\`, \`psi\`, \`total-variation\` and \`l-infinity\` share one p-value, that of the counts in their bins, and so alarm alike: choose among
them by what their figure says. In the tables on errors levels are the defaults, since labels have no reference to replay: look at their false
alarms first. All figures stand in docs/quality.json, which \`npm run quality\` writes.

`;
}
