/**
 * What the analysis tells the outside, as events. Whatever is found again after a crash is told under the same id.
 */
import type { Event } from '../contracts/event.ts';
import type { Finding } from '../contracts/finding.ts';
import type { Policy } from '../contracts/policy.ts';
import type { DriftlineRecord, Feedback, FeedbackFate } from '../contracts/record.ts';
import type { Version } from './served-versions.ts';

/** A record that is kept. Those of a batch's own records are made when they are written. */
export function inferenceEvent(record: DriftlineRecord): Event {
  return { kind: 'inference', id: record.id, at: record.at, record };
}

/** What became of a line of feedback. @param error whether the prediction was wrong; null where that cannot be said */
export function feedbackEvent(feedback: Feedback, fate: FeedbackFate, error: boolean | null): Event {
  const id = `${feedback.id}:${feedback.row ?? ''}:${feedback.kind}:${feedback.receivedAt}:${fate}`;
  return { kind: 'feedback', id, at: feedback.receivedAt, feedback, fate, error };
}

/** A judgement of a window, or of the clock. @param place what tells it from those of the same signal before */
export function windowEvent(finding: Finding, { name, model }: Policy, place: string, modelVersion: Version): Event {
  const slice = finding.slice === null ? '' : `:${finding.slice}`;
  const id = `${name}:${finding.monitor}:${finding.signal}${slice}:${finding.detector}:${place}`;
  return { kind: 'window', id, at: finding.at, finding, model: model.name, modelVersion };
}
