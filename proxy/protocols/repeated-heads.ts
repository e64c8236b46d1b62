/**
 * V2 messages of which only the data are new: calls of one client, and answers of one server, repeat everything else.
 *
 * What stands before a tensor's data is looked up among what was read before, and so is what stands around the tensors; the data are read
 * straight from the text. No object is made of a tensor only to be taken apart again, which is most of what reading a small message costs.
 * Whatever is built otherwise, or is wrong, is left to the general reader: it agrees wherever this one answers.
 */
import { DecodeError } from '../../contracts/errors.ts';
import type { Scalar, Tensor } from '../../contracts/tensor.ts';
import { Memo } from '../memo.ts';
import { afterBlanks, numbersOf, readElements } from './elements.ts';
import { isList, isObject, member, parseJson, type Value, type ValueObject } from './json.ts';
import type { TensorHead } from './raw-tensors.ts';
import { elementCount } from './shapes.ts';

/** A message taken apart. */
export interface Apart {
  /** Everything but the tensors. */
  readonly message: ValueObject;
  readonly tensors: readonly Tensor[];
}

/** A schema has at most 2,000 columns, and there are two sides. */
const MOST_HEADS = 4_096;
/** Elements that are read at once. */
const AT_ONCE = 64;
/** A tensor up to its data. */
interface Known {
  /** From behind the bracket or comma before it to its data's bracket. */
  readonly text: string;
  readonly head: TensorHead;
  /** Elements that its shape needs. */
  readonly count: number;
  /** As many numbers, from behind the bracket on; null where there are so few that they are read at once. */
  readonly numbers: RegExp | null;
}

/** A message around its tensors. */
interface Around {
  readonly before: string;
  readonly behind: string;
  readonly message: ValueObject;
}

/** Reads one side of messages. */
export class RepeatedHeads {
  readonly #side: 'inputs' | 'outputs';
  readonly #key: string;
  readonly #known: Memo<Known | null>;
  /** Those of the message before, in order: mostly it is they that come again. */
  readonly #last: Known[] = [];
  #lastAround: Around = { before: '', behind: '', message: {} };

  /** @param readHead makes a tensor's head of its members. @throws DecodeError when they are none. */
  constructor(side: 'inputs' | 'outputs', readHead: (members: ValueObject) => TensorHead) {
    this.#side = side;
    this.#key = `"${side}"`;
    this.#known = new Memo(
      (text) => {
        // As deep as it lies in the message.
        const whole = read(`{"":[${text}]}]}`, '"data"');
        const members = whole === null ? undefined : member(whole, '');
        const [only, ...others] = isList(members) ? members : [];
        if (!isObject(only) || others.length > 0 || !isList(member(only, 'data'))) return null;
        try {
          const head = readHead(only);
          const count = elementCount(head.shape);
          return { text, head, count, numbers: count > AT_ONCE ? numbersOf(count) : null };
        } catch (error) {
          if (error instanceof DecodeError) return null;
          throw error;
        }
      },
      { maxEntries: MOST_HEADS, isCut: true },
    );
  }

  /** Null = the general reader is to say what this is. */
  read(text: string): Apart | null {
    const { before } = this.#lastAround;
    const opened = before !== '' && stands(before, text, 0) ? before.length : listAfter(text, this.#key, 0);
    if (opened === -1) return null;
    const tensors: Tensor[] = [];
    let at = opened;
    do {
      const known = this.#headAt(text, at, tensors.length);
      if (known === null) return null;
      at += known.text.length;
      // An element takes two characters at least, so a shape can ask for more than there is.
      if (known.count > (text.length - at) / 2) return null;
      at = readTensor(text, at, known, tensors);
      if (at === -1) return null;
      at = afterBlanks(text, at);
      if (text.charCodeAt(at) !== 0x7d /* } */) return null;
      at = afterBlanks(text, at + 1);
    } while (text.charCodeAt(at++) === 0x2c /* , */);
    const message = this.#around(text, opened, at - 1);
    return message === null ? null : { message, tensors };
  }

  #headAt(text: string, at: number, place: number): Known | null {
    const last = this.#last[place];
    if (last !== undefined && stands(last.text, text, at)) return last;
    const end = listAfter(text, '"data"', at);
    const known = end === -1 ? null : this.#known.get(text.slice(at, end));
    if (known !== null && place < MOST_HEADS) this.#last[place] = known;
    return known;
  }

  #around(text: string, opened: number, closed: number): ValueObject | null {
    const { before, behind, message } = this.#lastAround;
    const isSame = opened === before.length && closed + behind.length === text.length;
    if (isSame && stands(before, text, 0) && stands(behind, text, closed)) return message;
    const around = { before: text.slice(0, opened), behind: text.slice(closed) };
    const found = read(around.before + around.behind, this.#key);
    const listed = found === null ? undefined : member(found, this.#side);
    if (found === null || !isList(listed) || listed.length > 0) return null;
    this.#lastAround = { ...around, message: found };
    return found;
  }
}

/** Whether a part stands in a text at this place. Equality compares by words, `startsWith` by characters, at several times the cost. */
function stands(part: string, text: string, at: number): boolean {
  return text.slice(at, at + part.length) === part;
}

/** An object that has this key once, as it stands there; null for anything else. */
function read(text: string, key: string): ValueObject | null {
  // An escaped key may be the same again.
  if (text.includes('\\') || text.indexOf(key) !== text.lastIndexOf(key)) return null;
  let value: Value;
  try {
    value = parseJson(text);
  } catch (error) {
    if (error instanceof DecodeError) return null;
    throw error;
  }
  return isObject(value) ? value : null;
}

/** Behind the bracket that opens the list under a key; -1 where none does. */
function listAfter(text: string, key: string, from: number): number {
  const found = text.indexOf(key, from);
  if (found === -1) return -1;
  let at = afterBlanks(text, found + key.length);
  if (text.charCodeAt(at) !== 0x3a /* : */) return -1;
  at = afterBlanks(text, at + 1);
  return text.charCodeAt(at) === 0x5b /* [ */ ? at + 1 : -1;
}

/**
 * Reads a tensor's data from behind their bracket on. Of many numbers only that they are some: they are read when they are asked for, which
 * those of an image or an embedding never are.
 *
 * @returns as `readElements`
 */
function readTensor(text: string, from: number, { head, count, numbers }: Known, tensors: Tensor[]): number {
  const { name, datatype, shape } = head;
  if (numbers !== null) {
    numbers.lastIndex = from;
    if (numbers.test(text)) {
      tensors.push(new UnreadTensor(head, count, text, from));
      return numbers.lastIndex;
    }
  }
  const data = new Array<Scalar>(count);
  const end = readElements(text, from, data);
  tensors.push({ name, datatype, shape, data });
  return end;
}

/**
 * A tensor whose data are read when somebody asks for them. A class, since for each object with a getter of its own the engine makes a hidden
 * class, which keeps the whole text until the old generation is collected.
 */
class UnreadTensor implements Tensor {
  readonly name: string;
  readonly datatype: string;
  readonly shape: readonly number[];
  readonly #count: number;
  readonly #text: string;
  readonly #from: number;
  #data: Scalar[] | null = null;

  constructor({ name, datatype, shape }: TensorHead, count: number, text: string, from: number) {
    this.name = name;
    this.datatype = datatype;
    this.shape = shape;
    this.#count = count;
    this.#text = text;
    this.#from = from;
  }

  get data(): readonly Scalar[] {
    if (this.#data === null) {
      this.#data = new Array<Scalar>(this.#count);
      readElements(this.#text, this.#from, this.#data);
    }
    return this.#data;
  }
}
