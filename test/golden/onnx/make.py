"""Makes the small ONNX models of the scorer's tests. onnx 1.23.2, no randomness: python3 make.py

matrix    features FP32 [N, 3] -> sum FP32 [N]
mixed     text BYTES [N, 1], count INT64 [N, 1], flag BOOL [N, 1], size FP32 [N, 1] -> each as it came, as out_<name>
zipmap    x FP32 [N, 2] -> label INT64 [N] and scores, a sequence of maps (what skl2onnx's default ZipMap makes)
only-map  the same without the label
stuck     x FP32 [N] -> y FP32 [N]; answers x where x[0] <= 0, and loops for ever where x[0] > 0
external  x FP32 [N] -> x + w, with w in the file external.bin (which is not here)
"""

from pathlib import Path

import onnx
from onnx import TensorProto, helper

HERE = Path(__file__).parent
FLOAT, INT64, STRING, BOOL = TensorProto.FLOAT, TensorProto.INT64, TensorProto.STRING, TensorProto.BOOL


def value(name, kind, shape):
    return helper.make_tensor_value_info(name, kind, shape)


def save(name, nodes, inputs, outputs, initializers=()):
    graph = helper.make_graph(nodes, name, inputs, outputs, list(initializers))
    opsets = [helper.make_opsetid("", 15), helper.make_opsetid("ai.onnx.ml", 1)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=8, doc_string="Made by test/golden/onnx/make.py")
    (HERE / f"{name}.onnx").write_bytes(model.SerializeToString())


axis = helper.make_tensor("axis", INT64, [1], [1])
save(
    "matrix",
    [helper.make_node("ReduceSum", ["features", "axis"], ["sum"], keepdims=0)],
    [value("features", FLOAT, ["N", 3])],
    [value("sum", FLOAT, ["N"])],
    [axis],
)

columns = {"text": STRING, "count": INT64, "flag": BOOL, "size": FLOAT}
save(
    "mixed",
    [helper.make_node("Identity", [name], [f"out_{name}"]) for name in columns],
    [value(name, kind, ["N", 1]) for name, kind in columns.items()],
    [value(f"out_{name}", kind, ["N", 1]) for name, kind in columns.items()],
)

zipmap = helper.make_node("ZipMap", ["x"], ["scores"], domain="ai.onnx.ml", classlabels_int64s=[0, 1])
scores = helper.make_value_info("scores", helper.make_sequence_type_proto(helper.make_map_type_proto(INT64, helper.make_tensor_type_proto(FLOAT, []))))
largest = helper.make_node("ArgMax", ["x"], ["label"], axis=1, keepdims=0)
save("zipmap", [largest, zipmap], [value("x", FLOAT, ["N", 2])], [value("label", INT64, ["N"]), scores])
save("only-map", [zipmap], [value("x", FLOAT, ["N", 2])], [scores])

body = helper.make_graph(
    [helper.make_node("Identity", ["go"], ["go_on"]), helper.make_node("Identity", ["carried"], ["passed"])],
    "body",
    [value("iteration", INT64, []), value("go", BOOL, []), value("carried", FLOAT, ["N"])],
    [value("go_on", BOOL, []), value("passed", FLOAT, ["N"])],
)
zero = helper.make_tensor("zero", FLOAT, [], [0.0])
first = helper.make_tensor("first", INT64, [], [0])
save(
    "stuck",
    [
        helper.make_node("Gather", ["x", "first"], ["head"]),
        helper.make_node("Greater", ["head", "zero"], ["go"]),
        helper.make_node("Loop", ["", "go", "x"], ["y"], body=body),
    ],
    [value("x", FLOAT, ["N"])],
    [value("y", FLOAT, ["N"])],
    [zero, first],
)

outside = helper.make_tensor("w", FLOAT, [1], [1.0])
outside.ClearField("float_data")
outside.data_location = TensorProto.EXTERNAL
for key, content in (("location", "external.bin"), ("offset", "0"), ("length", "4")):
    outside.external_data.add(key=key, value=content)
save(
    "external",
    [helper.make_node("Add", ["x", "w"], ["y"])],
    [value("x", FLOAT, ["N"])],
    [value("y", FLOAT, ["N"])],
    [outside],
)
