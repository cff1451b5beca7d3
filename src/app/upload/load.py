import glob, json
import mlx.core as mx
from huggingface_hub import snapshot_download

folder = snapshot_download("REPO")
config = json.load(open(f"{folder}/config.json"))
weights = {}
for file in glob.glob(f"{folder}/model*.safetensors"):
    weights.update(mx.load(file))
# Plain floats of every tensor; a model of mlx.nn with quantized layers takes the codes as they are.
how = config.get("quantization", {})
for scales in [name for name in weights if name.endswith(".scales")]:
    module = scales.removesuffix(".scales")
    own = how.get(module) or how
    weights[f"{module}.weight"] = mx.dequantize(
        weights[f"{module}.weight"], weights.pop(scales), weights.pop(f"{module}.biases", None),
        group_size=own["group_size"], bits=own["bits"], mode=own.get("mode", "affine"),
    )
