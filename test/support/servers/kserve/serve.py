"""Three models on the KServe Python runtime, V1 and V2: serve.py PORT"""
import sys

import numpy as np
from kserve import InferOutput, InferRequest, InferResponse, Model, ModelServer
from kserve.errors import InvalidInput


def answer(model, request, *outputs):
    """A V2 answer; each output is a name, a datatype and an array."""
    wants_binary = any((output.parameters or {}).get("binary_data") for output in request.request_outputs or [])
    written = []
    for name, datatype, array in outputs:
        output = InferOutput(name, list(array.shape), datatype)
        output.set_data_from_numpy(array, binary_data=wants_binary or datatype == "FP16")
        written.append(output)
    return InferResponse(
        response_id=request.id,
        model_name=model.name,
        infer_outputs=written,
        use_binary_outputs=getattr(request, "use_binary_outputs", False),
        requested_outputs=request.request_outputs,
        parameters={"rev": "r7"},
    )


class Iris(Model):
    WEIGHTS = np.linspace(-1, 1, 12).reshape(4, 3)

    def predict(self, payload, headers=None, response_headers=None):
        is_v2 = isinstance(payload, InferRequest)
        x = payload.inputs[0].as_numpy() if is_v2 else np.array(payload["instances"], float)
        if is_v2 and (x.ndim != 2 or x.shape[1] != 4):
            raise InvalidInput(f"want [n, 4], got {list(x.shape)}")
        odds = np.exp(x @ self.WEIGHTS)
        probabilities = odds / odds.sum(axis=1, keepdims=True)
        labels = probabilities.argmax(axis=1)
        if response_headers is not None:
            response_headers.update({"x-model-rev": "r7"})
        if is_v2:
            return answer(self, payload, ("label", "INT64", labels), ("proba", "FP32", probabilities.astype(np.float32)))
        return {"predictions": [{"label": int(label), "proba": row} for label, row in zip(labels, probabilities.tolist())]}

    def explain(self, payload, headers=None):
        return {"explanations": [{"feature": at, "weight": 0.1 * at} for at in range(4)]}


class Churn(Model):
    def predict(self, payload, headers=None):
        if isinstance(payload, InferRequest):
            income = payload.as_dataframe()["income"].to_numpy(float)
            return answer(self, payload, ("y", "FP64", (income > 22_000).astype(float)))
        return {"predictions": [int((row.get("income") or 0) > 22_000) for row in payload["instances"]], "model_version": "3"}


class Echo(Model):
    def predict(self, payload, headers=None):
        if isinstance(payload, InferRequest):
            return answer(self, payload, *(("o_" + tensor.name, tensor.datatype, tensor.as_numpy()) for tensor in payload.inputs))
        if payload.get("boom"):
            raise RuntimeError("asked to fail")
        return payload


if __name__ == "__main__":
    models = [Iris("iris-like"), Churn("churn"), Echo("echo")]
    for model in models:
        model.ready = True
    ModelServer(http_port=int(sys.argv[1]), grpc_port=int(sys.argv[2]), enable_grpc=True, workers=1).start(models)
