/**
 * Which calls a sampling rate takes: those whose id's hash lies below it. So every replica comes to the same verdict, and so does whoever
 * knows the id; and what a low rate takes, a higher one takes as well.
 */
import { hash } from 'node:crypto';
import type { Sampling } from '../contracts/policy.ts';

/** All calls. */
export const EVERYTHING: Sampling = { rate: 1, keepAlways: [] };

/** Hexadecimal digits of a hash that are looked at: 52 bits, which a number holds exactly. */
const DIGITS = 13;

/** Whether the rate takes the call of this id: the first 13 hexadecimal digits of the id's SHA-256, as a share of 16^13, are below it. */
export function isSampled(id: string, rate: number): boolean {
  return rate >= 1 || (rate > 0 && Number.parseInt(hash('sha256', id).slice(0, DIGITS), 16) / 16 ** DIGITS < rate);
}

/** Whether nobody needs to see the call: the rate does not take its id, and nothing about it could have it kept. */
export function isLeftOut(call: { readonly id: string }, { rate, keepAlways }: Sampling): boolean {
  // Where all are taken, no text is made of an id.
  return keepAlways.length === 0 && rate < 1 && !isSampled(call.id, rate);
}
