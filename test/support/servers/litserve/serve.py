"""LitServe with a number, a stream of lines, and OpenAI chat (JSON and server-sent events): serve.py PORT"""
import sys
import time

import litserve as ls
from fastapi import HTTPException


class Linear(ls.LitAPI):
    WEIGHTS = [((i * 7) % 5 - 2) / 3 for i in range(4)]

    def setup(self, device):
        pass

    def decode_request(self, request):
        values = request["input"]
        if len(values) != len(self.WEIGHTS):
            raise HTTPException(400, f"want {len(self.WEIGHTS)} numbers")
        return values

    def predict(self, x):
        return sum(a * b for a, b in zip(x, self.WEIGHTS))

    def encode_response(self, output):
        return {"output": output, "label": "pos" if output > 0 else "neg"}


class Lines(ls.LitAPI):
    def setup(self, device):
        pass

    def decode_request(self, request):
        return request["prompt"]

    def predict(self, prompt):
        yield from prompt.split()

    def encode_response(self, output):
        for word in output:
            yield {"token": word}


class Chat(ls.LitAPI):
    """Says each word of the last message backwards, thinks for a second at `pause`, and ends with an error at `fail`."""

    def setup(self, device):
        pass

    def predict(self, prompt, **rest):
        last = getattr(prompt, "messages", prompt)[-1]
        content = (last if isinstance(last, dict) else last.model_dump())["content"]
        text = content if isinstance(content, str) else " ".join(part.get("text", "") for part in content)
        for word in text.split():
            if word == "fail":
                raise RuntimeError("the model failed")
            if word == "pause":
                time.sleep(1)
            yield word[::-1] + " "


if __name__ == "__main__":
    apis = [Linear(api_path="/predict"), Lines(stream=True, api_path="/lines"), Chat(spec=ls.OpenAISpec(), stream=True)]
    server = ls.LitServer(apis, accelerator="cpu")
    server.run(host="127.0.0.1", port=int(sys.argv[1]), generate_client_file=False, num_api_servers=1)
