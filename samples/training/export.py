"""export.py FOLDER/last.pt OUT.safetensors - the averaged weights as f16, under the names that src/net/tiny_net.c asks for."""
import sys

import torch
from safetensors.torch import save_file

state = torch.load(sys.argv[1], map_location="cpu")
save_file({k: v.half().contiguous() for k, v in state["average"].items()}, sys.argv[2],
          metadata={"model": "tiny", "steps": str(state["step"])})
