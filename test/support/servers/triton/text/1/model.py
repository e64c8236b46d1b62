"""Repeats the words it was given, as one answer or as a stream of them."""
import time

import numpy as np
import triton_python_backend_utils as triton


def value(request, name, default):
    tensor = triton.get_input_tensor_by_name(request, name)
    return default if tensor is None else tensor.as_numpy().ravel()[0]


class TritonPythonModel:
    def execute(self, requests):
        for request in requests:
            sender = request.get_response_sender()
            words = value(request, "text_input", b"").decode().split()
            tokens = [words[at % len(words)] + " " for at in range(int(value(request, "max_tokens", 6)))]
            for part in tokens if value(request, "stream", False) else ["".join(tokens)]:
                time.sleep(0.02)
                text = triton.Tensor("text_output", np.array([part.encode()], dtype=object))
                sender.send(triton.InferenceResponse([text, triton.Tensor("score", np.array([len(part) / 7], np.float32))]))
            sender.send(flags=triton.TRITONSERVER_RESPONSE_COMPLETE_FINAL)
        return None
