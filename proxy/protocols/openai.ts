/**
 * OpenAI's chat completions and completions, whole or streamed: vLLM, LitServe, KServe's Hugging Face runtime, TGI and OpenAI itself.
 *
 * A request is one row, an answer one row a choice. Texts are put together from a stream's pieces; ids are not looked at, since LitServe
 * changes them from chunk to chunk.
 *
 * Source: OpenAI API reference, "Create chat completion" and "The chat completion chunk object".
 */
import type { Flow, Message, Protocol } from '../../contracts/protocol.ts';
import type { Scalar, Tensor } from '../../contracts/tensor.ts';
import { readObject, readSpoken, type Said, unexpected } from './body.ts';
import { pathOf } from './call-path.ts';
import { isList, isObject, member, type Value, type ValueObject } from './json.ts';

/** Behind any prefix: KServe puts `/openai` in front, Azure the deployment. */
const PATH = /\/(?:chat\/)?completions$/;

/** Of a choice's index; servers allow fewer. */
const CHOICES_LIMIT = 1024;

/** What a request may set, each a column where it does. */
const SETTINGS = ['stream', 'temperature', 'top_p', 'n', 'max_tokens', 'max_completion_tokens', 'seed'] as const;

export const openai: Protocol = {
  type: 'openai',
  summary: 'OpenAI chat completions and completions, whole or as server-sent events: vLLM, LitServe, KServe Hugging Face.',

  match: ({ method, path }) => (method === 'POST' && PATH.test(pathOf(path)) ? { model: null, version: null } : null),

  decodeRequest(body, { version }) {
    const request = readObject(body);
    const { texts, last } = promptOf(request);
    const tools = member(request, 'tools');
    const settings = SETTINGS.flatMap((name): [string, Scalar][] => {
      const value = member(request, name);
      return typeof value === 'number' || typeof value === 'boolean' ? [[name, value]] : [];
    });
    return {
      requestId: null,
      model: modelOf(request),
      version,
      tensors: [
        scalar('model', modelOf(request)),
        scalar('messages', texts.length),
        scalar(
          'characters',
          texts.reduce((sum, text) => sum + text.length, 0),
        ),
        scalar('prompt', last),
        scalar('tools', isList(tools) ? tools.length : 0),
        ...settings.map(([name, value]) => scalar(name, value)),
      ],
    };
  },

  decodeResponse(body, { version }) {
    const { values, streamed, failed } = readSpoken(body);
    const answer = new Answer(streamed);
    for (const said of values) answer.add(said);
    const isFailure = failed || answer.failed;
    if (answer.choices === 0 && !isFailure) throw unexpected('body: no choice in it');
    return answer.message(version, isFailure);
  },

  // A chat is answered by text, which a model of tensors does not have.
  encodeResponse: null,
};

interface Choice {
  text: string;
  finishReason: string | null;
  toolCalls: number;
}

/** Gathers what an answer or the chunks of one say. */
class Answer {
  readonly #streamed: boolean;
  readonly #choices: Choice[] = [];
  #model: string | null = null;
  #usage: ValueObject | null = null;
  #events = 0;
  #firstTextEnd: number | null = null;
  #lastTextEnd: number | null = null;
  failed = false;

  constructor(streamed: boolean) {
    this.#streamed = streamed;
  }

  get choices(): number {
    return this.#choices.length;
  }

  add({ value, end }: Said): void {
    this.#events++;
    if (!isObject(value)) throw unexpected('body: a JSON object should stand');
    this.#model = modelOf(value) ?? this.#model;
    const usage = member(value, 'usage');
    if (isObject(usage)) this.#usage = usage;
    const choices = member(value, 'choices');
    if (isList(choices)) {
      for (const [place, choice] of choices.entries()) this.#choice(choice, place, end);
    } else if (isObject(member(value, 'error'))) {
      this.failed = true;
    } else throw unexpected('body: a list should stand under "choices"');
  }

  message(version: string | null, failed: boolean): Message {
    const column = (name: string, value: (choice: Choice) => Scalar): Tensor => {
      return { name, datatype: null, shape: [this.#choices.length], data: this.#choices.map(value) };
    };
    const tokens = (name: string) => {
      const count = this.#usage === null ? undefined : member(this.#usage, name);
      return typeof count === 'number' && Number.isSafeInteger(count) && count >= 0 ? count : null;
    };
    const used = (['prompt_tokens', 'completion_tokens'] as const).flatMap((name) => {
      const count = tokens(name);
      return count === null ? [] : [scalar(name, count)];
    });
    const flow: Flow = {
      events: this.#streamed ? this.#events : null,
      // LitServe writes 0 for what it has not counted.
      tokens: tokens('completion_tokens') || null,
      firstTextEnd: this.#firstTextEnd,
      lastTextEnd: this.#lastTextEnd,
    };
    return {
      requestId: null,
      model: this.#model,
      version,
      tensors: [
        column('content', ({ text }) => text),
        column('finish_reason', ({ finishReason }) => finishReason),
        column('characters', ({ text }) => text.length),
        column('tool_calls', ({ toolCalls }) => toolCalls),
        ...used,
      ],
      flow,
      ...(failed ? { failure: this.#streamed ? 'error-in-stream' : 'error-in-answer' } : {}),
    };
  }

  #choice(value: Value, place: number, end: number): void {
    if (!isObject(value)) throw unexpected('body: a choice should be a JSON object');
    const given = member(value, 'index');
    const index = typeof given === 'number' ? given : place;
    // Choices may come in any order, but not from nowhere: an index of 10^9 would make as many rows.
    if (!Number.isInteger(index) || index < 0 || index >= CHOICES_LIMIT) throw unexpected('body: a choice has an impossible index');
    while (this.#choices.length <= index) this.#choices.push({ text: '', finishReason: null, toolCalls: 0 });
    const choice = this.#choices[index]!;
    const said = member(value, 'delta') ?? member(value, 'message');
    const text = isObject(said) ? textOf(member(said, 'content')) : textOf(member(value, 'text'));
    if (text !== '') {
      choice.text += text;
      this.#firstTextEnd ??= end;
      this.#lastTextEnd = end;
    }
    const calls = isObject(said) ? member(said, 'tool_calls') : undefined;
    // In a stream a call's arguments follow in further pieces of the same index.
    if (isList(calls)) {
      const last = calls.reduce<number>((most, call, at) => Math.max(most, callIndex(call) ?? at), -1);
      if (Number.isSafeInteger(last)) choice.toolCalls = Math.max(choice.toolCalls, last + 1);
    }
    const reason = member(value, 'finish_reason');
    if (typeof reason === 'string') choice.finishReason = reason;
  }
}

function callIndex(call: Value): number | null {
  const index = isObject(call) ? member(call, 'index') : undefined;
  return typeof index === 'number' && Number.isInteger(index) && index >= 0 ? index : null;
}

function scalar(name: string, value: Scalar): Tensor {
  return { name, datatype: null, shape: [], data: [value] };
}

function modelOf(object: ValueObject): string | null {
  const model = member(object, 'model');
  return typeof model === 'string' ? model : null;
}

/** The texts of a chat's messages, or the prompts of a completion. */
function promptOf(request: ValueObject): { readonly texts: readonly string[]; readonly last: string | null } {
  const messages = member(request, 'messages');
  const prompt = member(request, 'prompt');
  let texts: string[];
  if (isList(messages)) texts = messages.map((message) => (isObject(message) ? textOf(member(message, 'content')) : ''));
  else if (typeof prompt === 'string') texts = [prompt];
  else if (isList(prompt)) texts = prompt.map((one) => (typeof one === 'string' ? one : ''));
  else throw unexpected('body: "messages" or "prompt" should stand in it');
  return { texts, last: texts.at(-1) ?? null };
}

/** Plain text, or the text parts of a content that has several (images and sound left out). */
function textOf(content: Value | undefined): string {
  if (typeof content === 'string') return content;
  if (!isList(content)) return '';
  return content
    .flatMap((part) => (isObject(part) && member(part, 'type') === 'text' ? [member(part, 'text')] : []))
    .filter((text) => typeof text === 'string')
    .join('');
}
