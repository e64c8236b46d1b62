#!/usr/bin/env python3
"""Writes expected-h2.jsonl: the calls of each connection of ../captures/h2, by independent readers.

Header blocks by the hpack package, messages by tritonclient's generated classes and numpy; frames are taken apart here, as RFC 9113 §4.1 says.
Needs: pip install hpack tritonclient grpcio numpy. Run: python3 make-h2.py (made with CPython 3.11, hpack 4.2.0, protobuf 7.36.2, numpy 2.4.6).

One line per stream: server, case, stream, path, fields of the request, of the answer and of its trailers, and for a ModelInfer `inputs` and
`outputs` as [{name, datatype, shape, data}], else null.
"""
import base64, glob, json, os, struct

import numpy as np
from hpack import Decoder
from tritonclient.grpc import service_pb2
from tritonclient.utils import deserialize_bytes_tensor, triton_to_np_dtype

HERE = os.path.dirname(os.path.abspath(__file__))
INFER = '/inference.GRPCInferenceService/ModelInfer'


def frames(data):
    while data:
        length, kind, flags, stream = int.from_bytes(data[:3], 'big'), data[3], data[4], struct.unpack('>I', data[5:9])[0]
        yield kind, flags, stream & 0x7FFFFFFF, data[9:9 + length]
        data = data[9 + length:]


def side(data):
    """Header lists and body of each stream."""
    decoder, streams = Decoder(), {}
    for kind, flags, stream, payload in frames(data):
        held = streams.setdefault(stream, dict(lists=[], body=b''))
        if kind == 1:
            assert flags & 4 and not flags & 8, 'no continuation and no padding in these captures'
            held['lists'].append(decoder.decode(payload[5:] if flags & 32 else payload))
        elif kind == 0:
            held['body'] += payload
    return {number: held for number, held in streams.items() if held['lists']}


def tensors(parts, raws):
    out = []
    for part, raw in zip(parts, raws):
        data = deserialize_bytes_tensor(raw) if part.datatype == 'BYTES' else np.frombuffer(raw, triton_to_np_dtype(part.datatype))
        values = [v.decode() if isinstance(v, bytes) else v for v in data.tolist()]
        out.append(dict(name=part.name, datatype=part.datatype, shape=list(part.shape), data=values))
    return out


def message(kind, body):
    assert body[0] == 0 and int.from_bytes(body[1:5], 'big') == len(body) - 5, 'one message, not compressed'
    return kind.FromString(body[5:])


with open(os.path.join(HERE, 'expected-h2.jsonl'), 'w', encoding='utf-8') as out:
    for file in sorted(glob.glob(os.path.join(HERE, '..', 'captures', 'h2', '*.jsonl'))):
        for line in open(file, encoding='utf-8'):
            captured = json.loads(line)
            sent, came = (base64.b64decode(captured[name]['bytes_b64']) for name in ('request', 'response'))
            requests, answers = side(sent[24:]), side(came)
            for stream, request in requests.items():
                answer = answers[stream]
                path = dict(request['lists'][0])[':path']
                inputs = outputs = None
                if path == INFER:
                    asked, said = message(service_pb2.ModelInferRequest, request['body']), message(service_pb2.ModelInferResponse, answer['body'])
                    inputs, outputs = tensors(asked.inputs, asked.raw_input_contents), tensors(said.outputs, said.raw_output_contents)
                row = dict(server=os.path.basename(file)[:-6], case=captured['case'], stream=stream, path=path, request=request['lists'][0],
                           answer=answer['lists'][0], trailers=answer['lists'][-1], inputs=inputs, outputs=outputs)
                out.write(json.dumps(row, ensure_ascii=False, separators=(',', ':')) + '\n')
