/** Figures, times and foreign text as a person reads them; the same on every machine, whatever its locale and time zone. */

/** Three significant digits, thousands grouped: `0.0712`, `12,000`, `<0.001` for what would print as nearly nothing. */
export function figure(value: number): string {
  if (!Number.isFinite(value)) return 'unknown';
  if (value === 0) return '0';
  if (Number.isInteger(value)) return value.toLocaleString('en-US');
  if (Math.abs(value) < 0.001) return value > 0 ? '<0.001' : '>-0.001';
  return value.toLocaleString('en-US', { maximumSignificantDigits: 3 });
}

/** A share in [0, 1] as `99.8 %`. */
export function share(value: number): string {
  return `${figure(Number((value * 100).toPrecision(3)))} %`;
}

/** `2026-03-01 13:20:05 UTC`. */
export function instant(at: number): string {
  const date = new Date(at);
  return Number.isNaN(date.getTime()) ? 'an unknown time' : `${date.toISOString().slice(0, 19).replace('T', ' ')} UTC`;
}

/** The two largest units: `3 d 4 h`, `12 min`, `45 s`. */
export function duration(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  const parts: [number, string][] = [
    [Math.floor(seconds / 86_400), 'd'],
    [Math.floor(seconds / 3600) % 24, 'h'],
    [Math.floor(seconds / 60) % 60, 'min'],
    [seconds % 60, 's'],
  ];
  const first = parts.findIndex(([count]) => count > 0);
  if (first < 0) return '0 s';
  return parts
    .slice(first, first + 2)
    .filter(([count]) => count > 0)
    .map(([count, unit]) => `${count} ${unit}`)
    .join(' ');
}

/**
 * Text that may carry values from traffic or from a foreign server, fit for one line of a terminal or a log: control characters
 * (escape sequences among them) and characters that turn the direction of text become `?`.
 */
export function plain(text: string, limit = 300): string {
  const clean = text.replace(/[\p{Cc}\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]+/gu, '?');
  return clean.length > limit ? `${clean.slice(0, limit - 1)}…` : clean;
}
