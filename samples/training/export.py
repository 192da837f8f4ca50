"""export.py FOLDER/last.pt OUT.safetensors - the averaged weights as f16, under the names that src/net/tiny_net.c asks for."""
import sys

import torch
from safetensors.torch import save_file


def export(checkpoint, out):
    state = torch.load(checkpoint, map_location="cpu")
    save_file({k: v.half().contiguous() for k, v in state["average"].items()}, out,
              metadata={"model": "tiny", "steps": str(state["step"])})


if __name__ == "__main__":
    export(sys.argv[1], sys.argv[2])
