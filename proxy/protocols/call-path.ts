/**
 * The path that a request target names.
 */

/** The target without query, and without scheme and authority when sent in absolute form (RFC 9112 §3.2.2). */
export function pathOf(target: string): string {
  const path = target.split('?', 1)[0] ?? '';
  return path.replace(/^https?:\/\/[^/]*/i, '');
}

/** A path segment with its percent-encoding removed; as it is when that is malformed. */
export function segmentText(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}
