/**
 * Plain JSON over any POST path (BentoML, Ray Serve, LitServe, own servers), read by the mapping of the policy.
 *
 * Where the policy describes neither side, every leaf of a body is a column. Where it describes only the answers, requests need not be
 * JSON at all: an image in, columns out. A streamed answer (server-sent events, a value a line) has one row an event.
 */
import { DecodeError } from '../../contracts/errors.ts';
import type { MessageBody, Protocol } from '../../contracts/protocol.ts';
import type { Tensor } from '../../contracts/tensor.ts';
import { readBody, readSpoken } from './body.ts';
import type { Value } from './json.ts';
import { leafTensors } from './leaves.ts';
import { bodyOf, type Mapping, mappedStream, mappedTensors, type Place, placesOf } from './mapping.ts';
import { jsonAnswer, nestedOf } from './rows.ts';

/**
 * The protocol for one policy's mapping.
 *
 * @throws ConfigError `json-path` when a path of the mapping cannot be read.
 */
export function rawJson(mapping: Mapping): Protocol {
  const inputs = placesOf(mapping.inputs);
  const outputs = placesOf(mapping.outputs);
  return {
    type: 'raw-json',
    summary: 'Any JSON over POST, by the paths that the policy gives its columns.',

    match: ({ method }) => (method === 'POST' ? { model: null, version: null } : null),

    decodeRequest(body, { model, version }) {
      const onlyAnswers = inputs.length === 0 && outputs.length > 0;
      return { requestId: null, model, version, tensors: onlyAnswers ? tensorsIfJson(body) : tensorsOf(readBody(body), inputs) };
    },

    decodeResponse(body, { model, version }) {
      const { values, streamed, failed } = readSpoken(body);
      const [first] = values;
      const said = values.map(({ value }) => value);
      if (!streamed) return { requestId: null, model, version, tensors: tensorsOf(first?.value ?? null, outputs) };
      return {
        requestId: null,
        model,
        version,
        tensors: said.length === 0 ? [] : streamTensors(said, outputs),
        flow: { events: said.length, tokens: null, firstTextEnd: null, lastTextEnd: null },
        ...(failed ? { failure: 'error-in-stream' } : {}),
      };
    },

    encodeResponse: ({ tensors }) => jsonAnswer(bodyOf(tensors, outputs) ?? plainBody(tensors)),
  };
}

function tensorsOf(value: Value, places: readonly Place[]): Tensor[] {
  return places.length === 0 ? leafTensors(value) : mappedTensors(value, places);
}

/** One row an event. */
function streamTensors(values: readonly Value[], places: readonly Place[]): Tensor[] {
  return places.length === 0 ? leafTensors(values) : mappedStream(values, places);
}

function tensorsIfJson(body: MessageBody): Tensor[] {
  try {
    return leafTensors(readBody(body));
  } catch (error) {
    if (error instanceof DecodeError) return [];
    throw error;
  }
}

/** The single value, or an object of columns. */
function plainBody(tensors: readonly Tensor[]): Value {
  const [only, ...others] = tensors;
  if (only !== undefined && others.length === 0) return nestedOf(only);
  return Object.fromEntries(tensors.map((tensor) => [tensor.name, nestedOf(tensor)]));
}
