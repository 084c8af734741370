"""How much arithmetic a UNet call is: multiplications and additions of its convolutions, linear
layers and attention by the plain formulas, counted from its config. What a program saves by a
cleverer algorithm counts as speed."""
import json
from pathlib import Path


class Counter:
    def __init__(self, config, batch):
        self.config, self.batch, self.total = config, batch, 0

    def conv(self, side, into, out, kernel=3):
        self.total += 2 * self.batch * side * side * kernel * kernel * into * out

    def resnet(self, side, into, out):
        self.conv(side, into, out)
        self.conv(side, out, out)
        if into != out:
            self.conv(side, into, out, kernel=1)

    def transformer(self, side, width, layers):
        tokens = side * side
        text = 77
        linear = 2 * self.batch * tokens * width * width
        attention = 2 * self.batch * tokens * width
        self.total += 2 * linear  # in and out
        # Self attention 4, cross attention 2 (the text's own are computed once), feed-forward 12.
        self.total += layers * (18 * linear + 2 * attention * (tokens + text))


def per_block(value, count):
    return list(value) if isinstance(value, list) else [value] * count


def unet_flops(folder, size, batch=2):
    """Of one call on `batch` latents of a picture of `size` pixels a side."""
    config = json.loads((Path(folder) / "unet/config.json").read_text())
    widths = config["block_out_channels"]
    count = len(widths)
    layers = per_block(config.get("layers_per_block", 2), count)
    depths = per_block(config.get("transformer_layers_per_block", 1), count)
    crosses = ["CrossAttn" in kind for kind in config["down_block_types"]]
    side = size // 8
    counter = Counter(config, batch)
    counter.conv(side, config["in_channels"], widths[0])
    skips, width = [widths[0]], widths[0]
    for i in range(count):
        for _ in range(layers[i]):
            counter.resnet(side, width, widths[i])
            width = widths[i]
            if crosses[i]:
                counter.transformer(side, width, depths[i])
            skips.append(width)
        if i + 1 < count:
            side //= 2
            counter.conv(side, width, width)
            skips.append(width)
    counter.resnet(side, width, width)
    counter.transformer(side, width, depths[-1])
    counter.resnet(side, width, width)
    crosses = ["CrossAttn" in kind for kind in config["up_block_types"]]
    for i in range(count):
        level = count - 1 - i
        for _ in range(layers[level] + 1):
            counter.resnet(side, width + skips.pop(), widths[level])
            width = widths[level]
            if crosses[i]:
                counter.transformer(side, width, depths[level])
        if i + 1 < count:
            side *= 2
            counter.conv(side, width, width)
    counter.conv(side, width, config["out_channels"])
    return counter.total
