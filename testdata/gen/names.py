"""Names and shapes of torchvision's ResNets: golden/names/*.txt, one "name shape" a line.

Integer counters (num_batches_tracked) have the shape "scalar". The classifier fc is included.

    python3 testdata/gen/names.py
"""
import os

import torchvision

import golden

ARCHS = ["resnet18", "resnet34", "resnet50", "resnet101", "resnet152", "wide_resnet50_2"]


def main():
    folder = os.path.join(golden.FOLDER, "names")
    os.makedirs(folder, exist_ok=True)
    for arch in ARCHS:
        state = getattr(torchvision.models, arch)(weights=None).state_dict()
        with open(os.path.join(folder, arch + ".txt"), "w") as f:
            f.write(f"# torchvision {torchvision.__version__} {arch}, by testdata/gen/names.py\n")
            for name, t in state.items():
                f.write(f"{name} {'x'.join(map(str, t.shape)) or 'scalar'}\n")
        print(arch, len(state))


if __name__ == "__main__":
    main()
