/**
 * Reads our Dockerfile: stages of instructions, for the rehearsal and for the test that lints it.
 */
import { readFileSync } from 'node:fs';
import path from 'node:path';

/** One instruction with its words, continuation lines joined. */
export interface Instruction {
  readonly word: string;
  readonly rest: string;
}

/** One `FROM … AS name` with what follows it. */
export interface Stage {
  readonly base: string;
  /** Null where the stage has no name: the last one, which becomes the image. */
  readonly name: string | null;
  readonly instructions: readonly Instruction[];
}

/** @throws Error at a line that stands before the first FROM. */
export function readDockerfile(file: string = path.join(import.meta.dirname, 'Dockerfile')): Stage[] {
  const stages: { base: string; name: string | null; instructions: Instruction[] }[] = [];
  const text = readFileSync(file, 'utf8')
    .replace(/^#.*\n/gm, '')
    .replace(/\\\n\s*/g, ' ');
  for (const line of text.split('\n').filter((line) => line.trim() !== '')) {
    const [, word = '', rest = ''] = /^(\S+)\s+(.*)$/.exec(line) ?? [];
    if (word === 'FROM') {
      const [, base = '', name = null] = /^(\S+)(?:\s+AS\s+(\S+))?$/.exec(rest) ?? [];
      stages.push({ base, name, instructions: [] });
    } else {
      const stage = stages.at(-1);
      if (stage === undefined) throw new Error(`Dockerfile: ${line} stands before FROM`);
      stage.instructions.push({ word, rest });
    }
  }
  return stages;
}

/** The words of an instruction in its JSON form. */
export function wordsOf(stage: Stage, word: string): string[] {
  const found = stage.instructions.findLast((instruction) => instruction.word === word);
  return found === undefined ? [] : JSON.parse(found.rest.slice(found.rest.indexOf('[')));
}
