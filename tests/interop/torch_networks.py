"""Networks of PyTorch, random all through, with the names that torchvision, timm and the authors' code give."""

import numpy as np
import torch
from torch import nn


def randomized(network: nn.Module) -> nn.Module:
    """Gives all norms random weights and statistics."""
    torch.manual_seed(0)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, std=0.1)
            nn.init.normal_(module.running_mean, std=0.1)
            nn.init.uniform_(module.running_var, 0.5, 1.5)
    return network


def answer(network: nn.Module, images: np.ndarray, training: bool) -> np.ndarray:
    """Returns the logits for images, `(batch, height, width, channels)`."""
    with torch.no_grad():
        return network.train(training)(torch.tensor(images.transpose(0, 3, 1, 2))).numpy()


def conv(inputs, outputs, size=1, stride=1, groups=1, bias=False):
    return nn.Conv2d(inputs, outputs, size, stride, size // 2, groups=groups, bias=bias)


class SE(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.fc1, self.fc2 = conv(channels, channels // 16, bias=True), conv(channels // 16, channels, bias=True)

    def forward(self, x):
        return x * torch.sigmoid(self.fc2(torch.relu(self.fc1(x.mean((2, 3), keepdim=True)))))


class ECA(nn.Module):
    def __init__(self, channels):
        super().__init__()
        size = 5 if channels < 2048 else 7
        self.conv = nn.Conv1d(1, 1, size, padding=size // 2, bias=False)

    def forward(self, x):
        return x * torch.sigmoid(self.conv(x.mean((2, 3))[:, None]))[:, 0, :, None, None]


class Block(nn.Module):
    """A block of torchvision, or of timm with its attention."""

    def __init__(self, inputs, outputs, stride, bottleneck, attention=None):
        super().__init__()
        width = outputs // 4
        shapes = [(inputs, outputs, 3, stride), (outputs, outputs, 3)]
        if bottleneck:
            shapes = [(inputs, width, 1), (width, width, 3, stride), (width, outputs, 1)]
        self.convs = len(shapes)
        for k, shape in enumerate(shapes, 1):
            setattr(self, f"conv{k}", conv(*shape))
            setattr(self, f"bn{k}", nn.BatchNorm2d(shape[1]))
        self.se = attention(outputs) if attention else None
        self.downsample = None
        if stride > 1 or inputs != outputs:
            self.downsample = nn.Sequential(conv(inputs, outputs, 1, stride), nn.BatchNorm2d(outputs))

    def forward(self, x):
        y = x
        for k in range(1, self.convs + 1):
            y = getattr(self, f"bn{k}")(getattr(self, f"conv{k}")(y))
            y = torch.relu(y) if k < self.convs else y
        y = self.se(y) if self.se else y
        return torch.relu(y + (self.downsample(x) if self.downsample else x))


class ImageNetResNet(nn.Module):
    """A ResNet of torchvision or timm."""

    def __init__(self, blocks, bottleneck, attention=None):
        super().__init__()
        self.conv1, self.bn1 = conv(3, 64, 7, 2), nn.BatchNorm2d(64)
        inputs = 64
        for stage, number in enumerate(blocks):
            outputs = 64 * 2**stage * (4 if bottleneck else 1)
            layers = []
            for i in range(number):
                layers.append(Block(inputs, outputs, 2 if stage and not i else 1, bottleneck, attention))
                inputs = outputs
            setattr(self, f"layer{stage + 1}", nn.Sequential(*layers))
        self.fc = nn.Linear(inputs, 1000)

    def forward(self, x):
        x = nn.functional.max_pool2d(torch.relu(self.bn1(self.conv1(x))), 3, 2, 1)
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(x.mean((2, 3)))


class Maps(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.seq = nn.Sequential(nn.Linear(width, width // 4), nn.ReLU(), nn.Linear(width // 4, 4 * width))


class Cell(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.w_ih, self.w_hh = nn.ModuleList([Maps(width)]), nn.ModuleList([Maps(width)])

    def forward(self, y, states):
        h, c = states or (torch.zeros_like(y), torch.zeros_like(y))
        i, f, g, o = (self.w_ih[0].seq(y) + self.w_hh[0].seq(h)).chunk(4, 1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        h = torch.sigmoid(o) * torch.sigmoid(c)
        return h, (h, c)


class Stage(nn.Module):
    """A stage of the authors: blocks that return branch and shortcut, and the cell that they share."""

    def __init__(self, blocks, width, relu):
        super().__init__()
        self.ModuleList, self.lstm, self.relu = nn.ModuleList(blocks), Cell(width), relu

    def forward(self, x):
        states = None
        for block in self.ModuleList:
            y, shortcut = block(x)
            h, states = self.lstm(y.mean((2, 3)), states)
            x = y * h[:, :, None, None] + shortcut
            x = torch.relu(x) if self.relu else x
        return x


class ResNetBlock(nn.Module):
    names = (("conv1", "bn1"), ("conv2", "bn2"), ("conv3", "bn3"))

    def __init__(self, inputs, outputs, stride, groups=1):
        super().__init__()
        width = outputs // 4 if groups == 1 else 32 * groups * outputs // 128
        shapes = (inputs, width, 1), (width, width, 3, stride, groups), (width, outputs, 1)
        for (conv_name, norm_name), shape in zip(self.names, shapes, strict=True):
            setattr(self, conv_name, conv(*shape))
            setattr(self, norm_name, nn.BatchNorm2d(shape[1]))
        self.project(inputs, outputs, stride)

    def project(self, inputs, outputs, stride):
        self.downsample = None
        if stride > 1 or inputs != outputs:
            self.downsample = nn.Sequential(conv(inputs, outputs, 1, stride), nn.BatchNorm2d(outputs))

    def shortcut_of(self, x):
        return self.downsample(x) if self.downsample else x

    def forward(self, x):
        y = x
        for k, (conv_name, norm_name) in enumerate(self.names):
            y = getattr(self, norm_name)(getattr(self, conv_name)(y))
            y = torch.relu(y) if k < 2 else y
        return y, self.shortcut_of(x)


class ResNeXtBlock(ResNetBlock):
    names = (("conv_reduce", "bn_reduce"), ("conv_conv", "bn"), ("conv_expand", "bn_expand"))

    def project(self, inputs, outputs, stride):
        self.shortcut = nn.Sequential()
        if inputs != outputs:
            self.shortcut.add_module("shortcut_conv", conv(inputs, outputs, 1, stride))
            self.shortcut.add_module("shortcut_bn", nn.BatchNorm2d(outputs))

    def shortcut_of(self, x):
        return self.shortcut(x)


class PreResNetBlock(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        width = outputs // 4
        for k, shape in enumerate([(inputs, width, 1), (width, width, 3, stride), (width, outputs, 1)], 1):
            setattr(self, f"bn{k}", nn.BatchNorm2d(shape[0]))
            setattr(self, f"conv{k}", conv(*shape))
        self.downsample = nn.Sequential(conv(inputs, outputs, 1, stride)) if inputs != outputs else None
        self.bn_additional = nn.BatchNorm2d(outputs)

    def forward(self, x):
        y = self.conv1(torch.relu(self.bn1(x)))
        y = self.conv2(torch.relu(self.bn2(y)))
        y = self.conv3(torch.relu(self.bn3(y)))
        return self.bn_additional(y), self.downsample(x) if self.downsample else x


class WRNBlock(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.bn1, self.conv1 = nn.BatchNorm2d(inputs), conv(inputs, outputs, 3, stride)
        self.bn2, self.conv2 = nn.BatchNorm2d(outputs), conv(outputs, outputs, 3)
        self.convShortcut = conv(inputs, outputs, 1, stride) if inputs != outputs else None
        self.bn_additional = nn.BatchNorm2d(outputs)

    def forward(self, x):
        activated = torch.relu(self.bn1(x))
        y = self.conv2(torch.relu(self.bn2(self.conv1(activated))))
        return self.bn_additional(y), self.convShortcut(activated) if self.convShortcut else x


class Authors(nn.Module):
    """A network of the authors' code for CIFAR-10, with two blocks in a stage."""

    def __init__(self, block, widths, stages, stem, post, classifier, relu):
        super().__init__()
        self.names = stages, stem, post, classifier
        inputs = 32 if "bn_1" in stem else 16
        setattr(self, stem[0], conv(3, inputs, 3))
        for name in stem[1:]:
            setattr(self, name, nn.BatchNorm2d(inputs))
        for number, outputs in enumerate(widths, 1):
            blocks = [block(inputs, outputs, 1 if number == 1 else 2), block(outputs, outputs, 1)]
            setattr(self, stages.format(number), Stage(blocks, outputs, relu))
            inputs = outputs
        for name in post:
            setattr(self, name, nn.BatchNorm2d(inputs))
        setattr(self, classifier, nn.Linear(inputs, 10))

    def forward(self, x):
        stages, stem, post, classifier = self.names
        x = getattr(self, stem[0])(x)
        for name in stem[1:]:
            x = torch.relu(getattr(self, name)(x))
        for number in (1, 2, 3):
            x = getattr(self, stages.format(number))(x)
        for name in post:
            x = torch.relu(getattr(self, name)(x))
        return getattr(self, classifier)(x.mean((2, 3)))


def dia_resnet():
    return Authors(ResNetBlock, (64, 128, 256), "layer{}", ("conv1", "bn1"), (), "fc", True)


def dia_preresnet():
    return Authors(PreResNetBlock, (64, 128, 256), "layer{}", ("conv1",), ("bn",), "fc", False)


def dia_wrn():
    return Authors(WRNBlock, (64, 128, 256), "block{}", ("conv1",), ("bn1",), "fc", False)


def dia_resnext():
    def block(*shape):
        return ResNeXtBlock(*shape, groups=2)

    return Authors(block, (128, 256, 512), "stage_{}", ("conv_1_3x3", "bn_1"), (), "classifier", True)
