#!/usr/bin/env python3
"""The rows of `hfbench net` and `hfbench ops` in PyTorch, for tests/gpu.sh: same names, shapes, batch and precision.

    gpu_torch.py make WORK                 weights of real shapes, random: a diffusers folder of SD 1.5, a DINOv2 ViT-S/14
    gpu_torch.py eager WORK [WORD]         rows with WORD in their name; every row in what PyTorch runs as it is
    gpu_torch.py compiled WORK [WORD]      the same under torch.compile, CUDA graphs included (mode reduce-overhead)
    gpu_torch.py warm WORK [WORD]          compiles only, into the cache that a later `compiled` reads

Needs torch, diffusers, transformers. Networks are diffusers' and transformers' in fp16, channels last, attention by
scaled_dot_product_attention. Where there is no GPU everything runs small on the CPU (--tiny too), which checks the script alone.

A row: median of groups of calls between two synchronisations, as hf_bench_time has it; memory: PyTorch's peak of the
row's own tensors and weights.
"""
import argparse
import os
import statistics
import sys
import time

import torch
import torch.nn.functional as F

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "golden"))
from fullsize_sd import CHANNELS, FAMILIES, aggregation_state  # noqa: E402

SAVED = [49, 45, 40, 35, 30, 25, 20, 15, 10, 5, 0]  # labels of the saved steps, 50 in all
GROUP_S, N_GROUPS = 0.02, 5
HAS_GPU = torch.cuda.is_available()
DEVICE = "cuda" if HAS_GPU else "cpu"
KIND = torch.float16 if HAS_GPU else torch.float32


class Settings:
    """Real sizes, or those of a check on the CPU."""

    def __init__(self, tiny):
        self.px = 64 if tiny else 512
        self.batches = (1, 2) if tiny else (1, 8, 16)
        self.batch = self.batches[1]
        self.n_steps = 3 if tiny else 50
        self.cell_w, self.cell_h, self.W, self.H = (13, 7, 107, 60) if tiny else (107, 60, 854, 480)
        self.chunk = 1024 if tiny else 8192
        self.vit_px = 56 if tiny else 518
        self.tiny = tiny


def sync():
    if HAS_GPU:
        torch.cuda.synchronize()


def group(call, n):
    sync()
    begin = time.perf_counter()
    for _ in range(n):
        call()
    sync()
    return time.perf_counter() - begin


WARM_ONLY = False


def row(name, call, n_things=1):
    """Warm up (compilation, tuning), time, print."""
    if WARM_ONLY:
        with torch.inference_mode():
            call()
        return
    if HAS_GPU:
        torch.cuda.reset_peak_memory_stats()
    with torch.inference_mode():
        for _ in range(4):
            one = group(call, 1)
        n = int(GROUP_S / max(one, 1e-6)) + 1 if one < GROUP_S else 1
        ms = statistics.median(group(call, n) for _ in range(N_GROUPS)) / n * 1e3
    mb = torch.cuda.max_memory_allocated() >> 20 if HAS_GPU else 0
    print(f"{name:<32} {ms:11.4f} ms {n_things * 1e3 / ms:11.2f} /s {mb:8d} MB {mb:8d} MB", flush=True)


# ---- weights ----

def make(work, s):
    from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel, Dinov2Config, Dinov2Model
    folder = f"{work}/sd1"
    if os.path.exists(f"{folder}/done"):
        return
    small = dict(block_out_channels=(32, 64, 64, 64)) if s.tiny else {}
    vae_small = dict(block_out_channels=(32, 32, 64, 64)) if s.tiny else dict(block_out_channels=(128, 256, 512, 512))
    family = FAMILIES["sd1"]
    torch.manual_seed(1)
    with torch.device(DEVICE):
        unet = UNet2DConditionModel(sample_size=64, **family["unet"], **small)
        vae = AutoencoderKL(down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4,
                            layers_per_block=2, sample_size=512, **vae_small)
        text = CLIPTextModel(CLIPTextConfig(vocab_size=49408, max_position_embeddings=77, **family["text"]))
        vit = Dinov2Model(Dinov2Config(hidden_size=384, num_hidden_layers=12, num_attention_heads=6, image_size=518, patch_size=14))
    unet.half().save_pretrained(f"{folder}/unet", max_shard_size="20GB")
    vae.half().save_pretrained(f"{folder}/vae")
    text.half().save_pretrained(f"{folder}/text_encoder")
    vit.save_pretrained(f"{work}/vits14")
    DDIMScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear").save_pretrained(f"{folder}/scheduler")
    with open(f"{folder}/model_index.json", "w") as f:
        f.write('{"_class_name": "StableDiffusionPipeline"}')
    for steps, saved, name in ((1, [0], "aggregation_network_one-step.pt"), (50, SAVED, "aggregation_network.pt")):
        state = aggregation_state() if not s.tiny else small_aggregation(unet)
        state["mixing_weights"] = torch.randn(len(CHANNELS) * len(saved))
        torch.save({"config": {"projection_dim": 384, "save_timestep": saved, "num_timesteps": steps, "diffusion_mode": "inversion"},
                    "aggregation_network": state}, f"{folder}/{name}")
    open(f"{folder}/done", "w").close()


def small_aggregation(unet):
    """aggregation_state for the channels of this network."""
    import fullsize_sd
    before = fullsize_sd.CHANNELS
    fullsize_sd.CHANNELS = [r.conv2.out_channels for b in unet.up_blocks for r in b.resnets]
    state = aggregation_state()
    fullsize_sd.CHANNELS = before
    return state


# ---- Stable Diffusion ----

def aggregate(w, mixing, maps, side):
    """As the published network has it, all in the maps' precision."""
    total = 0

    def conv(x, name, padding=0):
        return F.group_norm(F.conv2d(x, w[f"{name}.weight"], padding=padding), 32, w[f"{name}.norm.weight"], w[f"{name}.norm.bias"])
    for l, x in enumerate(maps):
        x, b = F.interpolate(x, size=side, mode="bilinear"), f"bottleneck_layers.{l}.0"
        y = F.relu(conv(F.relu(conv(x, f"{b}.conv1")), f"{b}.conv2", 1))
        total = total + mixing[l] * F.relu(conv(y, f"{b}.conv3") + conv(x, f"{b}.shortcut"))
    return total


class Tapped(torch.nn.Module):
    """A U-Net that hands out the 12 branches of its decoder besides what it predicts."""

    def __init__(self, unet):
        super().__init__()
        self.unet = unet
        self.maps = []
        for resnet in (r for block in unet.up_blocks for r in block.resnets):
            resnet.conv2.register_forward_hook(lambda module, args, out: self.maps.append(out))

    def forward(self, latent, t, text):
        self.maps = []
        noise = self.unet(latent, t, encoder_hidden_states=text, return_dict=False)[0]
        return noise, self.maps


class Pipeline:
    """The networks of one folder, and what hyperfeatures make of them."""

    def __init__(self, work, s, compiled):
        from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
        folder = f"{work}/sd1"
        put = dict(torch_dtype=KIND)
        self.s = s
        unet = UNet2DConditionModel.from_pretrained(f"{folder}/unet", **put).eval().to(DEVICE, memory_format=torch.channels_last)
        self.vae = AutoencoderKL.from_pretrained(f"{folder}/vae", **put).eval()
        del self.vae.decoder
        self.vae = self.vae.to(DEVICE, memory_format=torch.channels_last)
        self.unet = unet
        self.states = {name: {k: v.to(DEVICE, KIND) for k, v in torch.load(f"{folder}/{name}", weights_only=True)["aggregation_network"].items()}
                       for name in ("aggregation_network_one-step.pt", "aggregation_network.pt")}
        self.mixing = {name: torch.softmax(w["mixing_weights"].float(), 0).view(-1, len(CHANNELS)).to(KIND) for name, w in self.states.items()}
        self.text = torch.randn(1, 77, unet.config.cross_attention_dim, device=DEVICE).to(KIND)
        self.alphas = DDIMScheduler.from_pretrained(f"{folder}/scheduler").alphas_cumprod.tolist()
        self.encode, self.predict, self.aggregate = self.encode_plainly, self.predict_plainly, aggregate
        self.tapped = Tapped(unet)
        self.look = self.tapped
        if compiled:
            options = dict(mode="reduce-overhead") if HAS_GPU else {}
            self.encode = torch.compile(self.encode_plainly, **options)
            self.look = torch.compile(self.tapped, **options)
            self.predict = lambda latent, t, text: self.look(latent, t, text)[0]
            self.aggregate = torch.compile(aggregate, **options)

    def encode_plainly(self, image):
        return self.vae.encode(image).latent_dist.mean * self.vae.config.scaling_factor

    def predict_plainly(self, latent, t, text):
        return self.unet(latent, t, encoder_hidden_states=text, return_dict=False)[0]

    def latent(self, N):
        return torch.randn(N, 4, self.s.px // 8, self.s.px // 8, device=DEVICE).to(KIND).contiguous(memory_format=torch.channels_last)

    def frames(self, N):
        rgb = torch.randint(0, 256, (N, self.s.px, self.s.px, 3), dtype=torch.uint8)
        return rgb.pin_memory() if HAS_GPU else rgb

    def image(self, rgb):
        """Channels last as the bytes are."""
        return (rgb.to(DEVICE, non_blocking=True).to(KIND) / 127.5 - 1).permute(0, 3, 1, 2)

    def features(self, total):
        return F.normalize(total.float(), dim=1)

    def one_step(self, rgb, t, text):
        if HAS_GPU:
            torch.compiler.cudagraph_mark_step_begin()
        _, maps = self.look(self.encode(self.image(rgb)), t, text)
        name = "aggregation_network_one-step.pt"
        return self.features(self.aggregate(self.states[name], self.mixing[name][0], maps, self.s.px // 8))

    def inversion(self, rgb, text):
        """Visits (-1 -> 0), (0 -> 20), ..; saved are those of the published list, summed as they come."""
        w, mixing = self.states["aggregation_network.pt"], self.mixing["aggregation_network.pt"]
        latent, total, n = self.encode(self.image(rgb)).clone(), 0, self.s.n_steps
        for i in range(n):
            t, to = i * 20 - 20 if i else -1, i * 20
            if HAS_GPU:
                torch.compiler.cudagraph_mark_step_begin()
            noise, maps = self.look(latent, torch.tensor([t], device=DEVICE), text)
            a, b = self.alphas[t] if t >= 0 else 1.0, self.alphas[to]
            latent = (b / a) ** 0.5 * (latent - (1 - a) ** 0.5 * noise) + (1 - b) ** 0.5 * noise
            if 49 - i in SAVED:
                total = total + self.aggregate(w, mixing[SAVED.index(49 - i)], maps, self.s.px // 8)
        return self.features(total)


def sd_rows(work, s, compiled, wanted):
    p = Pipeline(work, s, compiled)
    size = f"{s.px}x{s.px}"
    t = torch.tensor([261], device=DEVICE)
    batches = (s.batch,) if compiled else s.batches  # each shape is a compilation of a minute
    for N in batches:
        text, latent, rgb = p.text.expand(N, -1, -1).contiguous(), p.latent(N), p.frames(N)
        if wanted(f"unet-b{N}-{size}"):
            row(f"unet-b{N}-{size}", lambda: p.predict(latent, t, text), N)
        if wanted(f"vae-b{N}-{size}") and N <= s.batch:
            image = p.image(rgb)
            row(f"vae-b{N}-{size}", lambda: p.encode(image), N)
        if wanted(f"onestep-b{N}-{size}") and N <= s.batch:
            row(f"onestep-b{N}-{size}", lambda: p.one_step(rgb, torch.tensor([-1], device=DEVICE), text), N)
        if wanted(f"inversion-b{N}-{size}") and N <= s.batch:
            row(f"inversion-b{N}-{size}", lambda: p.inversion(rgb, text), N)


def vit_rows(work, s, compiled, wanted):
    name = f"vit-b1-{s.vit_px}x{s.vit_px}"
    if not wanted(name):
        return
    from transformers import Dinov2Model
    vit = Dinov2Model.from_pretrained(f"{work}/vits14").eval().to(DEVICE, KIND)
    x = torch.randn(1, 3, s.vit_px, s.vit_px, device=DEVICE).to(KIND)
    call = lambda: vit(x).last_hidden_state
    row(name, torch.compile(call, mode="reduce-overhead") if compiled and HAS_GPU else call)


# ---- single operations ----

def normal(*shape):
    return torch.randn(*shape, device=DEVICE).to(KIND)


def attention_rows(s, compiled, wanted):
    shapes = [(4096, 4096, 8, 40, 0), (1024, 1024, 8, 80, 0), (256, 256, 8, 160, 0), (4096, 77, 8, 40, 0), (4096, 4096, 5, 64, 0),
              (4096, 4096, 1, 512, 1), (1370, 1370, 6, 64, 0)]
    for L, Lk, heads, d, one in shapes:
        N = 1 if one else s.batch
        name = f"attention-b{N}-{L}x{Lk}-{heads}x{d}"
        if not wanted(name) or (s.tiny and L > 1024):
            continue
        q, k, v = (normal(N, n, heads, d).transpose(1, 2) for n in (L, Lk, Lk))
        row(name, lambda: F.scaled_dot_product_attention(q, k, v), N)


def map_rows(s, compiled, wanted):
    for side, C, one in ((64, 320, 0), (32, 640, 0), (16, 1280, 0), (512, 128, 1), (64, 512, 1)):
        N = 1 if one else s.batch
        if s.tiny and side > 16:
            continue
        x = normal(N, C, side, side).contiguous(memory_format=torch.channels_last)
        gamma, beta = normal(C), normal(C)
        norm = lambda: F.silu(F.group_norm(x, 32, gamma, beta, 1e-5))
        if wanted(f"group_norm-b{N}-{side}x{side}x{C}"):
            row(f"group_norm-b{N}-{side}x{side}x{C}", torch.compile(norm) if compiled else norm, N)
        if wanted(f"conv3x3-b{N}-{side}x{side}x{C}"):
            w = normal(C, C, 3, 3).contiguous(memory_format=torch.channels_last)
            row(f"conv3x3-b{N}-{side}x{side}x{C}", lambda: F.conv2d(x, w, gamma, padding=1), N)


def upsampled(maps, H, W):
    """[h,w,D] to unit rows [H*W,D], as the published code matches them."""
    y = F.interpolate(maps.permute(2, 0, 1)[None].float(), size=(H, W), mode="bilinear")[0]
    return F.normalize(y.flatten(1), dim=0).t().contiguous().to(KIND)


def best_of(chunk, target):
    return (chunk @ target.t()).max(1)


def match_rows(s, compiled, wanted):
    for W, H, w, h, D in ((s.W, s.H, s.cell_w, s.cell_h, 384), (s.px, s.px, s.px // 8, s.px // 8, 384), (s.W, s.H, s.cell_w, s.cell_h, 64)):
        name = f"match_splat-{W}x{H}-d{D}"
        if not wanted(name):
            continue
        source, target = (torch.randn(h, w, D, device=DEVICE) for _ in range(2))
        payload = torch.rand(H * W, 2, device=DEVICE)
        search = torch.compile(best_of) if compiled else best_of

        def call():
            a, b = upsampled(source, H, W), upsampled(target, H, W)
            value, index = (torch.cat(x) for x in zip(*(search(c, b) for c in a.split(s.chunk))))
            weight = torch.exp(value.float() / 0.1)[:, None]
            out = torch.zeros(H * W, 3, device=DEVICE).index_add_(0, index, torch.cat([payload * weight, weight], 1))
            return out[:, :2] / out[:, 2:].clamp_min(1e-12)
        row(name, call)


def context_rows(s, compiled, wanted):
    """Every cell against a window of 8 references: the whole product, a mask, top k, as DINO's script does it."""
    h, w = s.cell_h, s.cell_w
    y, x = torch.meshgrid(torch.arange(h, device=DEVICE), torch.arange(w, device=DEVICE), indexing="ij")
    far = torch.maximum((y.flatten()[:, None] - y.flatten()).abs(), (x.flatten()[:, None] - x.flatten()).abs())
    outside = torch.stack([far > (20 if r == 0 else 10) for r in range(8)])  # [8,hw,hw]

    def search(target, references):
        product = references @ target.t()  # [8,hw of references,hw]
        return product.masked_fill(outside, float("-inf")).flatten(0, 1).topk(5, dim=0)
    for D in (64, 384):
        name = f"match_context-{w}x{h}-d{D}"
        if wanted(name):
            target, references = normal(h * w, D), normal(8, h * w, D)
            call = torch.compile(search) if compiled else search
            row(name, lambda: call(target, references))


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("what", choices=("make", "eager", "compiled", "warm"))
    p.add_argument("work")
    p.add_argument("word", nargs="?", default="")
    p.add_argument("--tiny", action="store_true")
    a = p.parse_args()
    s = Settings(a.tiny or not HAS_GPU)
    torch.manual_seed(2)
    torch.backends.cudnn.benchmark = True
    if a.what == "make":
        return make(a.work, s)
    global WARM_ONLY
    WARM_ONLY = a.what == "warm"
    compiled, failed = a.what != "eager", 0
    wanted = lambda name: a.word in name
    # Stable Diffusion first: if time runs out, it is the small ones that are missing.
    for rows in (lambda: sd_rows(a.work, s, compiled, wanted), lambda: vit_rows(a.work, s, compiled, wanted),
                 lambda: match_rows(s, compiled, wanted), lambda: context_rows(s, compiled, wanted),
                 lambda: map_rows(s, compiled, wanted), lambda: attention_rows(s, compiled, wanted)):
        try:
            rows()
        except Exception as e:  # one that does not run must not cost the others
            print(f"{type(e).__name__}: {str(e)[:2000]}", file=sys.stderr, flush=True)
            failed = 1
        if HAS_GPU:
            torch.cuda.empty_cache()
    return failed


if __name__ == "__main__":
    sys.exit(main())
