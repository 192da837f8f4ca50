"""The network of model `tiny`; src/net/tiny_net.c is the same in C.

Four levels (strides 4, 8, 16, 32) of residual blocks. Every level is projected to D channels and brought to stride 8,
and the levels are summed with learned weights: hyperfeatures in small. Layer norm over the channels of each place,
so that nothing depends on the size of the picture.
"""
import torch
import torch.nn as nn
import torch.nn.functional as F

WIDTHS = (24, 64, 96, 128)           # channels at strides 4, 8, 16, 32
BLOCKS = ((1,), (1, 1), (1, 2), (1, 2))  # dilation of each block's first convolution
STEM = 16                            # channels at stride 2
MEAN, DEVIATION = 0.45, 0.25         # of pixels in 0..1


class Norm(nn.LayerNorm):
    def forward(self, x):
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class Block(nn.Module):
    def __init__(self, c, dilation):
        super().__init__()
        self.norm = Norm(c)
        self.conv1 = nn.Conv2d(c, c, 3, padding=dilation, dilation=dilation)
        self.conv2 = nn.Conv2d(c, c, 3, padding=1)
        nn.init.zeros_(self.conv2.weight)
        nn.init.zeros_(self.conv2.bias)

    def forward(self, x):
        return x + self.conv2(F.relu(self.conv1(self.norm(x))))


class Tiny(nn.Module):
    def __init__(self, n_features=64, widths=WIDTHS, stem=STEM):
        super().__init__()
        self.stem1 = nn.Conv2d(3, stem, 3, 2, 1)
        self.stem2 = nn.Conv2d(stem, widths[0], 3, 2, 1)
        self.down = nn.ModuleList(nn.Conv2d(a, b, 3, 2, 1) for a, b in zip(widths, widths[1:]))
        self.blocks = nn.ModuleList(nn.ModuleList(Block(c, d) for d in ds) for c, ds in zip(widths, BLOCKS))
        self.norms = nn.ModuleList(Norm(c) for c in widths)
        self.project = nn.ModuleList(nn.Conv2d(c, n_features, 1, bias=False) for c in widths)
        self.mixing = nn.Parameter(torch.zeros(len(widths)))

    def levels(self, x):
        """x: [N,3,H,W] in 0..1. Each level's projection at stride 8, before mixing."""
        x = F.relu(self.stem1((x - MEAN) / DEVIATION))
        x = self.stem2(x)
        out = []
        for i, blocks in enumerate(self.blocks):
            if i:
                x = self.down[i - 1](F.relu(x))
            for block in blocks:
                x = block(x)
            y = self.norms[i](x)
            if i == 0:
                y = F.avg_pool2d(y, 2, ceil_mode=True, count_include_pad=False)
            y = self.project[i](y)
            if i > 1:
                y = F.interpolate(y, scale_factor=2 ** (i - 1), mode="bilinear", align_corners=False)
            out.append(y)
        h, w = out[1].shape[2:]
        return [y[:, :, :h, :w] for y in out]

    def forward(self, x):
        weights = torch.softmax(self.mixing, 0)
        return F.normalize(sum(w * y for w, y in zip(weights, self.levels(x))), dim=1)
