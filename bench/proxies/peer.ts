/**
 * A program that stands in front of the model server in a benchmark, and how its CPU and memory are read.
 */
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** A running proxy. */
export interface Peer {
  readonly name: string;
  readonly url: string;
  /** The process whose CPU and memory are the peer's. */
  readonly pid: number;
  stop(): Promise<void>;
}

/** A peer that this machine can run. Started for each use where two cannot stand side by side. */
export interface PeerKind {
  readonly name: string;
  /** `model` is the model server's URL. */
  start(model: string, folder: string): Promise<Peer>;
}

/** CPU nanoseconds by thread name since the process began. Node names its workers' threads; the main one is called `main` here. */
export function cpuOf(pid: number): Map<string, number> {
  const cpu = new Map<string, number>();
  for (const task of readdirSync(`/proc/${pid}/task`)) {
    const folder = `/proc/${pid}/task/${task}`;
    const thread = Number(task) === pid ? 'main' : readFileSync(`${folder}/comm`, 'utf8').trim();
    const [ns] = readFileSync(`${folder}/schedstat`, 'utf8').split(' ');
    cpu.set(thread, (cpu.get(thread) ?? 0) + Number(ns));
  }
  return cpu;
}

/** CPU microseconds by thread between two readings; a thread that ended in between is left out. */
export function cpuBetween(before: ReadonlyMap<string, number>, after: ReadonlyMap<string, number>): Map<string, number> {
  return new Map([...after].map(([thread, ns]) => [thread, (ns - (before.get(thread) ?? 0)) / 1_000]));
}

/** Bytes in memory now (`VmRSS`) or at most so far (`VmHWM`). */
export function memoryOf(pid: number, what: 'VmRSS' | 'VmHWM' = 'VmRSS'): number {
  const line = new RegExp(`${what}:\\s+(\\d+) kB`).exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return Number(line?.[1] ?? 0) * 1024;
}

/** A port that was free a moment ago, for programs that cannot say which one they took. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no free port');
  return address.port;
}

/** Resolves when the URL answers a POST with anything. @throws Error after `withinMs`. */
export async function answers(url: string, withinMs = 15_000): Promise<void> {
  const until = Date.now() + withinMs;
  for (;;) {
    const up = await fetch(url, { method: 'POST', body: '{}', headers: { 'content-type': 'application/json' } }).then(
      async (answer) => {
        await answer.arrayBuffer();
        return answer.status < 500;
      },
      () => false,
    );
    if (up) return;
    if (Date.now() > until) throw new Error(`${url} does not answer`);
    await sleep(50);
  }
}
