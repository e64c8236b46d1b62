/**
 * MLflow's scoring server: `/invocations` with a data frame, rows, columns or CSV.
 *
 * Source: MLflow, "Deploy MLflow Model as a Local Inference Server", accepted input formats.
 */
import { DecodeError } from '../../contracts/errors.ts';
import type { MessageBody, Protocol } from '../../contracts/protocol.ts';
import type { Tensor } from '../../contracts/tensor.ts';
import { mediaType, readBody, readObject, refuseTruncated, unexpected } from './body.ts';
import { pathOf } from './call-path.ts';
import { csvTensors } from './csv.ts';
import { isList, isObject, member, type Value } from './json.ts';
import { writeJson } from './json-text.ts';
import { jsonAnswer, rowsOf } from './rows.ts';
import { rowTensors, tensorOf, valueTensors } from './tensors.ts';

const FORMS = ['dataframe_split', 'dataframe_records', 'instances', 'inputs'] as const;

export const mlflow: Protocol = {
  type: 'mlflow',
  summary: 'MLflow scoring server: data frames, instances, inputs and CSV.',

  // The path names no model: a server has one.
  match: ({ method, path }) => (method === 'POST' && pathOf(path) === '/invocations' ? { model: null, version: null } : null),

  decodeRequest(body, { model, version }) {
    return { requestId: null, model, version, tensors: requestTensors(body) };
  },

  decodeResponse(body, { model, version }) {
    const answer = readBody(body);
    const predictions = isObject(answer) ? member(answer, 'predictions') : answer;
    if (predictions === undefined) throw unexpected('body: "predictions" is missing');
    return { requestId: null, model, version, tensors: valueTensors('predictions', predictions) };
  },

  encodeResponse: ({ tensors }) => jsonAnswer({ predictions: rowsOf(tensors) }),
};

function requestTensors(body: MessageBody): Tensor[] {
  if (mediaType(body) === 'text/csv') {
    refuseTruncated(body);
    return csvTensors(body.bytes);
  }
  const request = readObject(body);
  const [form, ...others] = FORMS.filter((key) => member(request, key) !== undefined);
  if (form === undefined || others.length > 0) throw unexpected(`body: exactly one of ${FORMS.join(', ')} should stand in it`);
  const value = member(request, form) ?? null;
  if (form === 'dataframe_split') return splitTensors(value);
  if (form === 'inputs') return valueTensors(form, value);
  if (!isList(value)) throw unexpected(`body: a list should stand under "${form}"`);
  return rowTensors(form, value);
}

/** `{columns, data}`, pandas' `split` orientation; without `columns` they are numbered from 0. */
function splitTensors(value: Value): Tensor[] {
  const data = isObject(value) ? member(value, 'data') : undefined;
  const columns = isObject(value) ? member(value, 'columns') : undefined;
  if (!isList(data) || !(columns === undefined || isList(columns))) {
    throw unexpected('body: dataframe_split should hold lists under "columns" and "data"');
  }
  const [first = []] = data;
  const width = columns?.length ?? (isList(first) ? first.length : 1);
  const rows = data.map((row, index) => {
    if (!isList(row)) throw unexpected(`body: dataframe_split row ${index} should be a list`);
    if (row.length !== width) {
      throw new DecodeError('shape-mismatch', `body: dataframe_split row ${index} has ${row.length} cells for ${width} columns`);
    }
    return row;
  });
  return Array.from({ length: width }, (_, index) => {
    const label = columns?.[index] ?? index;
    const name = typeof label === 'string' ? label : writeJson(label);
    return tensorOf(
      name,
      rows.map((row) => row[index] ?? null),
    );
  });
}
