"""Trains elec2.onnx, the model that `driftline demo` serves.

The first 9,062 rows of elec2.csv.gz (20 %, in time order) are the training rows. Every fourth of them (0-based index
modulo 4 = 3) is held out for the performance predictor; the model is fitted on the other three quarters. Everything
after row 9,062 is the stream that the demo sends; the model has seen none of it.

    python3 -m venv /tmp/train && /tmp/train/bin/pip install -r requirements.txt
    /tmp/train/bin/python train.py            # writes elec2.onnx beside this file and prints its accuracies

Same versions, same bytes: one thread, fixed seed.
"""

import gzip
from pathlib import Path

import numpy
import onnx
from lightgbm import LGBMClassifier
from onnx import TensorProto, helper
from onnxmltools import convert_lightgbm
from onnxmltools.convert.common.data_types import FloatTensorType

HERE = Path(__file__).parent
FEATURES = ["period", "nswprice", "nswdemand", "vicprice", "vicdemand", "transfer"]
TRAINING_ROWS = 9062
OPSET = 15


def read():
    with gzip.open(HERE / "elec2.csv.gz", "rt") as lines:
        table = numpy.genfromtxt(lines, delimiter=",", names=True)
    inputs = numpy.column_stack([table[name] for name in FEATURES]).astype(numpy.float32)
    return inputs, table["class"].astype(numpy.int64)


def train(inputs, labels):
    rows = numpy.arange(TRAINING_ROWS)
    held_out = rows % 4 == 3
    # Few leaves and a slow rate: the stream drifts so early that a larger model only learns the first months by heart.
    model = LGBMClassifier(
        n_estimators=50, num_leaves=15, learning_rate=0.05, random_state=0, n_jobs=1, deterministic=True, force_row_wise=True, verbose=-1
    )
    model.fit(inputs[rows[~held_out]], labels[rows[~held_out]])
    return model, rows[held_out]


def to_onnx(model):
    converted = convert_lightgbm(
        model, initial_types=[("features", FloatTensorType([None, len(FEATURES)]))], target_opset=OPSET, zipmap=False
    )
    graph = converted.graph
    # One input a column, so that requests name what they send; the tree ensemble wants them side by side.
    columns = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", 1]) for name in FEATURES]
    del graph.input[:]
    graph.input.extend(columns)
    graph.node.insert(0, helper.make_node("Concat", FEATURES, ["features"], name="columns", axis=1))
    for output, shape in zip(graph.output, (["N"], ["N", 2]), strict=True):
        output.type.tensor_type.shape.CopyFrom(helper.make_tensor_type_proto(1, shape).tensor_type.shape)
    graph.name = "elec2"
    converted.doc_string = "Elec2: will the price rise? Made by agent/demo/train.py."
    onnx.checker.check_model(converted)
    return converted


def accuracy(model, inputs, labels):
    return float((model.predict(inputs) == labels).mean())


if __name__ == "__main__":
    inputs, labels = read()
    model, held_out = train(inputs, labels)
    onnx.save(to_onnx(model), HERE / "elec2.onnx")
    print(f"held out      {accuracy(model, inputs[held_out], labels[held_out]):.4f}")
    thirds = numpy.array_split(numpy.arange(TRAINING_ROWS, len(labels)), 3)
    for name, third in zip(("first", "second", "last"), thirds, strict=True):
        print(f"{name:6} third  {accuracy(model, inputs[third], labels[third]):.4f}")
    faulty = inputs[thirds[2]].copy()
    faulty[:, FEATURES.index("nswprice")] *= 100
    print(f"last, faulty  {accuracy(model, faulty, labels[thirds[2]]):.4f}")
