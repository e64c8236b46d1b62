#!/usr/bin/env python3
"""Writes expected-grpc.jsonl: what each call of ../captures/grpc holds, by the servers' own message classes.

V2 by tritonclient's generated classes and numpy; TensorFlow Serving by tensorflow-serving-api's and tf.make_ndarray; gzip by Python's
standard library. Needs: pip install tritonclient grpcio numpy tensorflow-cpu tensorflow-serving-api. Run: python3 make-grpc.py
(made with CPython 3.11, versions in the first line that it prints).

One line per exchange and side: server, case, side, protocol, and one of
  tensors   [{name, datatype, shape, data}], and model, version, id; `failed` where a stream told of an error
  undecoded the reason
  skipped   `not-a-prediction`, or `code NAME` for an answer other than OK
Inside data, {"n": text} is a number that JSON cannot say. Messages of a stream that have the same tensors are one message: rows under rows.
"""
import base64, glob, json, math, os

os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '3')
import ml_dtypes, numpy as np, tensorflow as tf, tritonclient
from tensorflow_serving.apis import classification_pb2, predict_pb2, regression_pb2
from tritonclient.grpc import service_pb2
from tritonclient.utils import deserialize_bytes_tensor, triton_to_np_dtype

HERE = os.path.dirname(os.path.abspath(__file__))
V2 = '/inference.GRPCInferenceService/'
TF = '/tensorflow.serving.PredictionService/'
TYPED = {'BOOL': 'bool_contents', 'INT8': 'int_contents', 'INT16': 'int_contents', 'INT32': 'int_contents', 'INT64': 'int64_contents',
         'UINT8': 'uint_contents', 'UINT16': 'uint_contents', 'UINT32': 'uint_contents', 'UINT64': 'uint64_contents',
         'FP32': 'fp32_contents', 'FP64': 'fp64_contents', 'BYTES': 'bytes_contents'}
NAMES = {'float32': 'FP32', 'float64': 'FP64', 'float16': 'FP16', 'bfloat16': 'BF16', 'bool': 'BOOL', 'object': 'BYTES'}


class Refused(Exception):
    """Carries the reason."""


def text(value):
    if not isinstance(value, bytes):
        return value
    try:
        return value.decode('utf-8')
    except UnicodeDecodeError:
        return base64.b64encode(value).decode()


def plain(array):
    return [text(v) if isinstance(v, (bytes, str)) else v for v in array.reshape(-1).tolist()]


def v2_tensor(tensor, raw):
    shape = list(tensor.shape)
    if raw is None:
        data = [text(v) for v in getattr(tensor.contents, TYPED[tensor.datatype])]
    elif tensor.datatype == 'BYTES':
        data = [text(v) for v in deserialize_bytes_tensor(raw).tolist()]
    elif tensor.datatype == 'BF16':
        data = np.frombuffer(raw, ml_dtypes.bfloat16).astype(np.float64).tolist()
    else:
        data = np.frombuffer(raw, triton_to_np_dtype(tensor.datatype)).tolist()
    if math.prod(shape) != len(data):
        raise Refused('shape-mismatch')
    return dict(name=tensor.name, datatype=tensor.datatype, shape=shape, data=data)


def v2_message(kind, data):
    message = kind()
    try:
        message.ParseFromString(data)
    except Exception:
        raise Refused('not-protobuf')
    return message


def v2_parts(message, tensors, raws):
    out = [v2_tensor(t, raws[i] if raws else None) for i, t in enumerate(tensors)]
    return dict(model=message.model_name or None, version=message.model_version or None, id=message.id or None, tensors=out)


def join(parts):
    filled = [p['tensors'] for p in parts if p['tensors']]
    first, *others = filled or [[]]
    for other in others:
        if [(t['name'], t['datatype'], t['shape'][1:]) for t in first] != [(t['name'], t['datatype'], t['shape'][1:]) for t in other]:
            raise Refused('uneven-stream')
        for mine, more in zip(first, other):
            mine['shape'][0] += more['shape'][0]
            mine['data'] += more['data']
    return dict(parts[0], tensors=first)


def v2(messages, side, streamed):
    if side == 'request':
        parsed = [v2_message(service_pb2.ModelInferRequest, m) for m in messages]
        return join([v2_parts(m, m.inputs, m.raw_input_contents) for m in parsed])
    if not streamed:
        parsed = [v2_message(service_pb2.ModelInferResponse, m) for m in messages]
        return join([v2_parts(m, m.outputs, m.raw_output_contents) for m in parsed])
    wrapped = [v2_message(service_pb2.ModelStreamInferResponse, m) for m in messages]
    failed = any(w.error_message for w in wrapped)
    answers = [v2_parts(w.infer_response, w.infer_response.outputs, w.infer_response.raw_output_contents)
               for w in wrapped if w.HasField('infer_response')]
    if failed and not any(a['tensors'] for a in answers):
        return dict(model=None, version=None, id=None, tensors=[], failed=True)
    return dict(join(answers), **(dict(failed=True) if failed else {}))


def tf_name(array):
    return NAMES.get(array.dtype.name, array.dtype.name.upper())


def tf_tensor(name, proto):
    array = tf.make_ndarray(proto)
    wide = array.astype(np.float64) if array.dtype.name == 'bfloat16' else array
    return dict(name=name, datatype=tf_name(array), shape=list(array.shape), data=plain(wide))


def tf_spec(spec):
    version = str(spec.version.value) if spec.HasField('version') else spec.version_label or None
    return dict(model=spec.name or None, version=version, id=None)


def feature(f):
    kind = f.WhichOneof('kind')
    values = [text(v) for v in getattr(f, kind).value] if kind else []
    return values[0] if len(values) == 1 else values


def column(name, values):
    array = np.array(values, dtype=object)
    return dict(name=name, datatype=None, shape=list(array.shape), data=array.reshape(-1).tolist())


def tf_input(given):
    contextual = given.WhichOneof('kind') == 'example_list_with_context'
    held = given.example_list_with_context if contextual else given.example_list
    rows = [{k: feature(f) for k, f in e.features.feature.items()} for e in held.examples]
    names = list(dict.fromkeys(k for r in rows for k in r))
    out = [column(n, [r.get(n) for r in rows]) for n in names]
    if contextual:
        for name, f in held.context.features.feature.items():
            if name not in names:
                out.append(column(name, feature(f)))
    return out


def tf_serving(messages, side, method):
    (data,) = messages
    if method == 'Predict':
        message = v2_message(predict_pb2.PredictRequest if side == 'request' else predict_pb2.PredictResponse, data)
        held = message.inputs if side == 'request' else message.outputs
        return dict(tf_spec(message.model_spec), tensors=[tf_tensor(n, p) for n, p in held.items()])
    module, kind = (classification_pb2, 'Classification') if method == 'Classify' else (regression_pb2, 'Regression')
    message = v2_message(getattr(module, kind + ('Request' if side == 'request' else 'Response')), data)
    if side == 'request':
        tensors = tf_input(message.input)
    elif method == 'Classify':
        rows = [[(c.label, c.score) for c in r.classes] for r in message.result.classifications]
        tensors = [column('classes', [[c[0] for c in r] for r in rows]), column('scores', [[c[1] for c in r] for r in rows])]
    else:
        tensors = [column('results', [r.value for r in message.result.regressions])]
    return dict(tf_spec(message.model_spec), tensors=tensors)


def encode(element):
    if isinstance(element, float) and not math.isfinite(element):
        return {'n': 'NaN' if math.isnan(element) else 'Infinity' if element > 0 else '-Infinity'}
    if isinstance(element, int) and not isinstance(element, bool) and abs(element) > 2**53 - 1:
        return {'n': str(element)}
    return element


def outcome(path, messages, side):
    try:
        if path.startswith(V2):
            found = v2(messages, side, path == V2 + 'ModelStreamInfer')
        else:
            found = tf_serving(messages, side, path.rpartition('/')[2])
    except Refused as reason:
        return dict(undecoded=str(reason))
    for t in found['tensors']:
        t['data'] = [encode(d) for d in t['data']]
    if path.startswith(TF):
        # A map has no order of its own.
        found['tensors'].sort(key=lambda t: t['name'])
    return found


def main():
    print('numpy', np.__version__, 'tensorflow', tf.__version__, 'tritonclient', tritonclient.__version__ if hasattr(tritonclient, '__version__') else '')
    count = 0
    with open(os.path.join(HERE, 'expected-grpc.jsonl'), 'w', encoding='utf-8') as out:
        for file in sorted(glob.glob(os.path.join(HERE, '..', 'captures', 'grpc', '*.jsonl'))):
            server = os.path.basename(file)[:-6]
            for line in open(file, encoding='utf-8'):
                exchange = json.loads(line)
                path = exchange['request']['path']
                protocol = None
                if path in (V2 + 'ModelInfer', V2 + 'ModelStreamInfer'):
                    protocol = 'kserve-v2'
                elif path.startswith(TF) and path.rpartition('/')[2] in ('Predict', 'Classify', 'Regress'):
                    protocol = 'tfserving'
                for side in ('request', 'response'):
                    message = exchange[side]
                    if protocol is None:
                        result = dict(skipped='not-a-prediction')
                    elif side == 'response' and message['code'] != 'OK':
                        result = dict(skipped='code ' + message['code'])
                    else:
                        result = outcome(path, [base64.b64decode(m) for m in message['messages_b64']], side)
                    row = dict(server=server, case=exchange['case'], side=side, protocol=protocol, **result)
                    out.write(json.dumps(row, ensure_ascii=False, allow_nan=False, separators=(',', ':')) + '\n')
                    count += 1
    print(count, 'lines')


main()
