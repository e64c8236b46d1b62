/**
 * KServe V1: `instances` in, `predictions` out. Custom models, and TorchServe's handler in this style, answer in other shapes too.
 *
 * TensorFlow Serving uses the same path, so its column form is understood here as well and `auto` needs no guess.
 *
 * Source: KServe, V1 protocol.
 */
import type { Protocol } from '../../contracts/protocol.ts';
import type { Tensor } from '../../contracts/tensor.ts';
import { readBody, readObject, unexpected } from './body.ts';
import { pathOf, segmentText } from './call-path.ts';
import { isObject, member, type ValueObject } from './json.ts';
import { leafTensors } from './leaves.ts';
import { jsonAnswer, rowsOf } from './rows.ts';
import { valueTensors } from './tensors.ts';
import { answerTensors, requestTensors, unwrapBinary } from './tfserving.ts';

const PATH = /^\/v1\/models\/([^/]+):predict$/;

export const kserveV1: Protocol = {
  type: 'kserve-v1',
  summary: 'KServe V1 over REST: instances in, predictions out.',

  match({ method, path }) {
    const model = method === 'POST' ? PATH.exec(pathOf(path))?.[1] : undefined;
    return model === undefined ? null : { model: segmentText(model), version: null };
  },

  decodeRequest(body, { model, version }) {
    return { requestId: null, model, version, tensors: requestTensors(readObject(body)) };
  },

  decodeResponse(body, { model, version }) {
    const answer = unwrapBinary(readBody(body));
    if (!isObject(answer)) return { requestId: null, model, version, tensors: valueTensors('predictions', answer) };
    const answeredVersion = member(answer, 'model_version');
    return {
      requestId: null,
      model,
      version: typeof answeredVersion === 'string' ? answeredVersion : version,
      tensors: answerTensors(answer) ?? otherTensors(answer),
    };
  },

  encodeResponse: ({ tensors }) => jsonAnswer({ predictions: rowsOf(tensors) }),
};

function otherTensors(answer: ValueObject): Tensor[] {
  const explanations = member(answer, 'explanations');
  if (explanations !== undefined) return valueTensors('explanations', explanations);
  if (member(answer, 'error') !== undefined) throw unexpected('body: an error instead of predictions');
  return leafTensors(answer);
}
