#!/usr/bin/env python3
"""Writes expected.jsonl: what each exchange of ../captures holds, by a decoder that shares nothing with Driftline's.

JSON, gzip and CSV by Python's standard library; binary tensors by numpy and tritonclient, whose InferResult has to agree about every
binary answer; event streams after the WHATWG rules; chat completions after OpenAI's reference. Needs: pip install numpy
ml_dtypes 'tritonclient[http]'. Run: python3 make.py (made with CPython 3.11.7, numpy 2.4.6, ml_dtypes 0.5.4, tritonclient 2.73.0). It
prints a table of the outcomes.

One line per exchange and side: server, case, side, and one of
  tensors   [{name, datatype, shape, data}], and model, version, id of the message; events of a stream, tokens that were counted
  undecoded the reason
  skipped   `not-a-prediction`, or `status NNN` for an answer other than 2xx, or `no-answer`
Inside data, {"n": text} is a number that JSON cannot say (NaN, Infinity, an integer beyond 2^53), {"json": value} an element that is kept as
JSON text because its row has no shape.
"""
import base64, csv, gzip, io, json, math, os, re, urllib.parse, zlib
from collections import Counter

import ml_dtypes, numpy as np
from tritonclient.http import InferResult
from tritonclient.utils import deserialize_bytes_tensor

HERE = os.path.dirname(os.path.abspath(__file__))
POLICIES = json.load(open(os.path.join(HERE, 'policies.json'), encoding='utf-8'))
MISSING = object()


class Refused(Exception):
    """Carries the reason."""


class Text:
    """An element kept as JSON text."""
    def __init__(self, value):
        self.value = value


# ---- bytes to JSON

def unpack(message):
    data = base64.b64decode(message.get('body_b64') or '')
    for name, value in message['headers']:
        if name.lower() == 'content-encoding' and data:
            try:
                if value == 'gzip':
                    data = gzip.decompress(data)
                elif value == 'deflate':
                    data = zlib.decompress(data)
            except Exception:
                raise Refused('content-encoding')
    return data


def header(message, wanted):
    for name, value in message['headers']:
        if name.lower() == wanted:
            return value
    return None


def load(message):
    kind = (header(message, 'content-type') or '').split(';')[0].strip().lower()
    data = unpack(message)
    if kind == 'text/event-stream':
        raise Refused('event-stream')
    if not data:
        raise Refused('empty-body')
    return parse(data)


def parse(data):
    try:
        text = data.decode('utf-8')
    except UnicodeDecodeError:
        raise Refused('not-utf8')
    try:
        return json.loads(text, parse_int=lambda digits: -0.0 if digits == '-0' else int(digits))
    except ValueError:
        raise Refused('not-json')


def events(data):
    """Data of each event of text/event-stream; every capture ends its lines with LF and sends no other field than data."""
    found = []
    for block in re.split(rb'\n\n+', data):
        texts = [line[5:].removeprefix(b' ') for line in block.split(b'\n') if line.startswith(b'data:')]
        if texts and texts != [b'[DONE]']:
            found.append(b'\n'.join(texts))
        if block.strip() and not texts:
            raise Refused('not-events')
    return found


def said(message):
    """The values of an answer, and whether it was a stream."""
    kind = (header(message, 'content-type') or '').split(';')[0].strip().lower()
    data = unpack(message)
    if kind == 'text/event-stream':
        return [parse(one) for one in events(data)], True
    try:
        return [load(message)], False
    except Refused as reason:
        lines = [line for line in data.split(b'\n') if line.strip()]
        if str(reason) == 'not-json' and len(lines) > 1:
            try:
                return [parse(line) for line in lines], True
            except Refused:
                pass
        raise


# ---- JSON to tensors

def dims(value):
    """Shape by looking at every branch; None when branches differ or an object is in it."""
    if isinstance(value, dict):
        return None
    if not isinstance(value, list):
        return ()
    inner = {dims(v) for v in value}
    if not inner:
        return (0,)
    if len(inner) > 1 or None in inner:
        return None
    return (len(value),) + inner.pop()


def leaves(value):
    if isinstance(value, list):
        for v in value:
            yield from leaves(v)
    else:
        yield value


def tensor(name, value, datatype=None):
    shape = dims(value)
    if shape is not None:
        return dict(name=name, datatype=datatype, shape=list(shape), data=list(leaves(value)))
    if isinstance(value, list):
        return dict(name=name, datatype=datatype, shape=[len(value)], data=[None if v is None else Text(v) for v in value])
    return dict(name=name, datatype=datatype, shape=[], data=[Text(value)])


def table(name, rows):
    objects = [r for r in rows if isinstance(r, dict)]
    names = list(dict.fromkeys(k for r in objects for k in r))
    if names and all(r is None or isinstance(r, dict) for r in rows):
        return [tensor(n, [None if r is None else r.get(n) for r in rows]) for n in names]
    return [tensor(name, rows)]


def anything(name, value):
    if isinstance(value, list):
        return table(name, value)
    if isinstance(value, dict):
        return [tensor(k, v) for k, v in value.items()]
    return [tensor(name, value)]


def plain_b64(value):
    if isinstance(value, dict):
        if list(value) == ['b64'] and isinstance(value['b64'], str):
            return value['b64']
        return {k: plain_b64(v) for k, v in value.items()}
    return [plain_b64(v) for v in value] if isinstance(value, list) else value


def every_leaf(value):
    if not isinstance(value, dict):
        return anything('value', value)
    out = []

    def visit(node, path):
        for key, inner in node.items():
            here = path + [key]
            if isinstance(inner, dict):
                visit(inner, here)
                continue
            for t in (table('.'.join(here), inner) if isinstance(inner, list) else [tensor('.'.join(here), inner)]):
                if any(o['name'] == t['name'] for o in out):
                    t['name'] = '.'.join(here + [t['name']])
                out.append(t)

    visit(value, [])
    return out


# ---- protocols: each gives (model, version, id, tensors)

NUMPY = dict(BOOL='?', INT8='i1', UINT8='u1', INT16='<i2', UINT16='<u2', INT32='<i4', UINT32='<u4', INT64='<i8', UINT64='<u8', FP16='<f2',
             FP32='<f4', FP64='<f8')


def from_bytes(datatype, raw):
    if datatype == 'BYTES':
        texts = deserialize_bytes_tensor(raw).tolist() if raw else []
        return [text.decode('utf-8') if is_utf8(text) else base64.b64encode(text).decode() for text in texts]
    if datatype == 'BF16':
        return np.frombuffer(raw, ml_dtypes.bfloat16).astype('f8').tolist()
    array = np.frombuffer(raw, NUMPY[datatype])
    return (array.astype('f8') if array.dtype.kind == 'f' else array).tolist()


def is_utf8(text):
    try:
        text.decode('utf-8')
        return True
    except UnicodeDecodeError:
        return False


def agree(message, data, length, tensors):
    """tritonclient's own reading of a binary answer has to be the same."""
    result = InferResult.from_response_body(data, header_length=length)
    for item in tensors:
        theirs = result.as_numpy(item['name'])
        assert list(theirs.shape) == item['shape'], item['name']
        flat = [(v.decode() if is_utf8(v) else base64.b64encode(v).decode()) if isinstance(v, bytes) else v for v in theirs.flatten().tolist()]
        assert all(a == b or (a != a and b != b) for a, b in zip(flat, item['data'], strict=True)), item['name']


def v2(message, side, model, version):
    stated = header(message, 'inference-header-content-length')
    if stated is None:
        return v2_message(load(message), b'', side, model, version)
    data, length = unpack(message), int(stated)
    if length == 0:
        raise Refused('headerless-tensor')
    if length > len(data):
        raise Refused('json-length')
    out = v2_message(parse(data[:length]), data[length:], side, model, version)
    if side == 'outputs':
        agree(message, data, length, out[3])
    return out


def v2_message(body, raw, side, model, version):
    if not isinstance(body, dict) or not isinstance(body.get(side), list):
        raise Refused('unexpected-structure')
    out, at = [], 0
    for item in body[side]:
        if not isinstance(item, dict) or not isinstance(item.get('name'), str) or not isinstance(item.get('datatype'), str):
            raise Refused('unexpected-structure')
        if item.get('data') is None:
            size = (item.get('parameters') or {}).get('binary_data_size')
            if size is None:
                raise Refused('unexpected-structure')
            if at + size > len(raw):
                raise Refused('raw-size')
            data = from_bytes(item['datatype'], raw[at:at + size])
            at += size
        else:
            data = list(leaves(item['data']))
            if item['datatype'] in ('FP16', 'FP32', 'FP64', 'BF16'):
                data = [float(d) if isinstance(d, int) and not isinstance(d, bool) else d for d in data]
        if math.prod(item['shape']) != len(data):
            raise Refused('shape-mismatch')
        out.append(dict(name=item['name'], datatype=item['datatype'], shape=item['shape'], data=data))
    if at != len(raw):
        raise Refused('raw-size')
    return body.get('model_name') or model, body.get('model_version') or version, body.get('id'), out


def v2_text(message, side, model, version):
    """generate, generate_stream, infer_stream."""
    if side == 'inputs':
        body = load(message)
        if isinstance(body.get('inputs'), list):
            return v2_message(body, b'', side, model, version)
        return model, version, body.get('id'), every_leaf({k: v for k, v in body.items() if k != 'id'})
    values, streamed = said(message)
    first = values[0]
    about = first.get('model_name') or model, first.get('model_version') or version, first.get('id')
    if 'outputs' not in first:
        out = table('value', [{k: v for k, v in value.items() if k not in ('id', 'model_name', 'model_version')} for value in values])
    else:
        parts = [v2_message(value, b'', side, model, version)[3] for value in values]
        out = []
        for tensors in zip(*parts, strict=True):
            arrays = [np.array(t['data'], dtype=object).reshape(t['shape']) for t in tensors]
            whole = np.concatenate(arrays)
            out.append(dict(name=tensors[0]['name'], datatype=tensors[0]['datatype'], shape=list(whole.shape), data=whole.flatten().tolist()))
    return *about, out, len(values) if streamed else None


def plain(content):
    if isinstance(content, list):
        return ''.join(part['text'] for part in content if part.get('type') == 'text')
    return content if isinstance(content, str) else ''


def chat(message, side):
    if side == 'inputs':
        body = load(message)
        if not isinstance(body, dict) or 'messages' not in body:
            raise Refused('unexpected-structure')
        texts = [plain(m['content']) for m in body['messages']]
        row = dict(model=body['model'], messages=len(texts), characters=sum(map(len, texts)), prompt=texts[-1], tools=len(body.get('tools', [])))
        row.update((k, body[k]) for k in ('stream', 'temperature', 'top_p', 'n', 'max_tokens', 'max_completion_tokens', 'seed') if k in body)
        return body['model'], None, None, [tensor(k, v) for k, v in row.items()]
    values, streamed = said(message)
    choices, usage = {}, {}
    for value in values:
        usage = value.get('usage') or usage
        for choice in value['choices']:
            kept = choices.setdefault(choice['index'], dict(content='', finish_reason=None, tool_calls=0))
            part = choice.get('delta') or choice.get('message')
            kept['content'] += plain(part.get('content'))
            kept['finish_reason'] = choice['finish_reason'] or kept['finish_reason']
            kept['tool_calls'] += len(part.get('tool_calls') or [])
    rows = [choices[i] for i in sorted(choices)]
    columns = [tensor(k, [r[k] for r in rows]) for k in ('content', 'finish_reason')]
    columns += [tensor('characters', [len(r['content']) for r in rows]), tensor('tool_calls', [r['tool_calls'] for r in rows])]
    columns += [tensor(k, usage[k]) for k in ('prompt_tokens', 'completion_tokens') if k in usage]
    return values[0]['model'], None, None, columns, len(values) if streamed else None, usage.get('completion_tokens') or None


def v1_request(body):
    if not isinstance(body, dict):
        raise Refused('unexpected-structure')
    forms = [k for k in ('instances', 'inputs', 'examples') if k in body]
    if len(forms) != 1:
        raise Refused('unexpected-structure')
    form = forms[0]
    value = plain_b64(body[form])
    if form == 'inputs':
        return anything('inputs', value)
    if not isinstance(value, list):
        raise Refused('unexpected-structure')
    out = table(form, value)
    if form == 'examples':
        names = {t['name'] for t in out}
        out += [tensor(k, v) for k, v in plain_b64(body.get('context', {})).items() if k not in names]
    return out


def v1_answer(body, kserve):
    if isinstance(body, dict):
        for key in ('predictions', 'outputs'):
            if body.get(key) is not None:
                return anything(key, plain_b64(body[key]))
        results = body.get('results', body.get('result'))
        if isinstance(results, list):
            if results and all(isinstance(r, list) and all(isinstance(p, list) and len(p) == 2 for p in r) for r in results):
                return [tensor('classes', [[p[0] for p in r] for r in results]), tensor('scores', [[p[1] for p in r] for r in results])]
            return table('results', results)
        if kserve and 'explanations' in body:
            return anything('explanations', plain_b64(body['explanations']))
        if kserve and 'error' not in body:
            return every_leaf(plain_b64(body))
    elif kserve:
        return anything('predictions', plain_b64(body))
    raise Refused('unexpected-structure')


def v1(message, side, model, version, kserve):
    body = load(message)
    if side == 'inputs':
        return model, version, None, v1_request(body)
    out = v1_answer(body, kserve)
    stated = body.get('model_version') if kserve and isinstance(body, dict) else None
    return model, stated or version, None, out


def csv_column(cells):
    lost = {'', 'NA', 'NaN', 'nan', 'null', 'NULL', 'None', 'N/A'}
    try:
        return [None if c in lost else float(c) for c in cells]
    except ValueError:
        return [None if c in lost else c for c in cells]


def mlflow(message, side):
    if side == 'inputs' and (header(message, 'content-type') or '').startswith('text/csv'):
        names, *rows = list(csv.reader(io.StringIO(unpack(message).decode('utf-8'))))
        return None, None, None, [tensor(n, csv_column([r[i] for r in rows])) for i, n in enumerate(names)]
    body = load(message)
    if side == 'outputs':
        value = body.get('predictions', MISSING) if isinstance(body, dict) else body
        if value is MISSING:
            raise Refused('unexpected-structure')
        return None, None, None, anything('predictions', value)
    forms = [k for k in ('dataframe_split', 'dataframe_records', 'instances', 'inputs') if isinstance(body, dict) and k in body]
    if len(forms) != 1:
        raise Refused('unexpected-structure')
    value = body[forms[0]]
    if forms[0] == 'dataframe_split':
        if any(len(r) != len(value['columns']) for r in value['data']):
            raise Refused('shape-mismatch')
        return None, None, None, [tensor(n, [r[i] for r in value['data']]) for i, n in enumerate(value['columns'])]
    return None, None, None, anything(forms[0], value)


def follow(value, path):
    """All nodes a path leads to, and whether a list was spread out on the way."""
    nodes, spread = [value], False
    for name, index, star, quoted in re.findall(r"\.([\w$-]+)|\[(\d+)\]|\[(\*)\]|\['([^']*)'\]", path):
        after = []
        for node in nodes:
            if star:
                if isinstance(node, list):
                    spread = True
                    after.extend(node)
                else:
                    after.append(node)
            elif index:
                after.append(node[int(index)] if isinstance(node, list) and int(index) < len(node) else MISSING)
            else:
                after.append(node.get(name or quoted, MISSING) if isinstance(node, dict) else MISSING)
        nodes = after
    return nodes, spread


def mapped(message, side, model, version, mapping):
    values, streamed = said(message) if side == 'outputs' else ([load(message)], False)
    columns = mapping[side]
    if not columns:
        return model, version, None, every_leaf(values if streamed else values[0]), len(values) if streamed else None
    out, seen = [], False
    for column in columns:
        found, spread = [], streamed
        for value in values:
            nodes, here = follow(value, column['path'])
            found, spread = found + nodes, spread or here
        seen = seen or any(n is not MISSING for n in found) or (spread and not found)
        nodes = [None if n is MISSING else n for n in found]
        out.append(tensor(column['name'], nodes if spread else nodes[0]))
    if not seen:
        raise Refused('unexpected-structure')
    return model, version, None, out, len(values) if streamed else None


def route(policy, request):
    """The protocol of a call: its name and a decoder of (message, side), or None when it is no prediction."""
    path = request['path'].split('?')[0]
    mapping = {'inputs': [], 'outputs': []}
    for prefix, candidate in policy['mappings'].items():
        if path == prefix or (prefix.endswith('/') and path.startswith(prefix)):
            mapping = candidate
    if policy['protocol'] == 'openai' or (policy['protocol'] == 'auto' and path.endswith('/chat/completions')):
        return ('openai', chat) if request['method'] == 'POST' and path.endswith('/chat/completions') else None
    if policy['protocol'] == 'raw-json':
        return ('raw-json', lambda m, s: mapped(m, s, None, None, mapping)) if request['method'] == 'POST' else None
    parts = [urllib.parse.unquote(p) for p in path.split('/')[1:]]
    if parts[0] == 'predictions' and len(parts) in (2, 3) and request['method'] in ('POST', 'PUT'):
        return 'torchserve', lambda m, s: mapped(m, s, parts[1], parts[2] if len(parts) == 3 else None, mapping)
    if request['method'] != 'POST':
        return None
    if parts == ['invocations']:
        return 'mlflow', mlflow
    if parts[:2] == ['v2', 'models'] and parts[-1] == 'infer':
        return 'kserve-v2', lambda m, s: v2(m, s, parts[2], parts[4] if len(parts) == 6 else None)
    if parts[:2] == ['v2', 'models'] and parts[-1] in ('generate', 'generate_stream', 'infer_stream'):
        return 'kserve-v2', lambda m, s: v2_text(m, s, parts[2], parts[4] if len(parts) == 6 else None)
    if parts[:2] == ['v1', 'models'] and parts[-1].rpartition(':')[2] in ('predict', 'classify', 'regress'):
        last, _, verb = parts[-1].rpartition(':')
        if len(parts) == 3:
            kserve = verb == 'predict'
            return 'kserve-v1' if kserve else 'tfserving', lambda m, s: v1(m, s, last, None, kserve)
        if len(parts) == 5:
            return 'tfserving', lambda m, s: v1(m, s, parts[2], last, False)
    return None


# ---- output

def encode(element):
    if isinstance(element, Text):
        return {'json': element.value}
    if isinstance(element, float) and not math.isfinite(element):
        return {'n': 'NaN' if math.isnan(element) else 'Infinity' if element > 0 else '-Infinity'}
    if isinstance(element, int) and not isinstance(element, bool) and abs(element) > 2**53 - 1:
        return {'n': str(element)}
    return element


def outcome(decoder, message, side):
    try:
        model, version, ident, tensors, *more = decoder(message, side)
    except Refused as reason:
        return dict(undecoded=str(reason))
    for t in tensors:
        t['data'] = [encode(d) for d in t['data']]
    events, tokens = (more + [None, None])[:2]
    return dict(model=model, version=version, id=ident, tensors=tensors, **(dict(events=events) if events is not None else {}),
                **(dict(tokens=tokens) if tokens is not None else {}))


def main():
    counts = {}
    with open(os.path.join(HERE, 'expected.jsonl'), 'w', encoding='utf-8') as out:
        for server, policy in POLICIES.items():
            tally = counts.setdefault(server, Counter())
            for line in open(os.path.join(HERE, '..', 'captures', policy.get('captures', server) + '.jsonl'), encoding='utf-8'):
                exchange = json.loads(line)
                found = route(policy, exchange['request'])
                answer = exchange.get('response')
                sides = {}
                if found is None:
                    sides = dict.fromkeys(('request', 'response'), dict(skipped='not-a-prediction'))
                else:
                    sides['request'] = outcome(found[1], exchange['request'], 'inputs')
                    if answer is None:
                        sides['response'] = dict(skipped='no-answer')
                    elif not 200 <= answer['status'] < 300:
                        sides['response'] = dict(skipped='status %d' % answer['status'])
                    else:
                        sides['response'] = outcome(found[1], answer, 'outputs')
                tally['exchanges'] += 1
                for side, result in sides.items():
                    row = dict(server=server, case=exchange['case'], side=side, protocol=found and found[0], **result)
                    out.write(json.dumps(row, ensure_ascii=False, allow_nan=False, separators=(',', ':')) + '\n')
                    what = 'decoded' if 'tensors' in result else result.get('undecoded') or result['skipped'].split()[0]
                    tally['%s %s' % (side, what)] += 1
    for server, tally in counts.items():
        print(server, dict(sorted(tally.items())))


main()
